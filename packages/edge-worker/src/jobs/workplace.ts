import { readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Checkout } from 'cyrus-checkouts/checkout';
import type { Included } from 'cyrus-checkouts/include';

/** What was made around a checkout and is to be taken down with it. Kept beside it, out of every sandbox's reach. */
export interface Workplace {
  readonly taskId: string;
  /** `ENG-12`; null: not known. */
  readonly issue: string | null;
  readonly branch: string;
  readonly baseSha: string;
  /** The first of its ten ports. */
  readonly port: number;
  readonly copied: Included;
  readonly remarks: readonly string[];
  /** Setup has been run to its end. */
  readonly setUp: boolean;
  /** Teardown has been run to its end. */
  readonly tornDown: boolean;
}

export const portsPerCheckout = 10;
const file = 'workplace.json';

/** Undefined: the checkout was not made ready to its end. */
export async function readWorkplace({ directory }: Pick<Checkout, 'directory'>): Promise<Workplace | undefined> {
  const text = await readFile(join(dirname(directory), file), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Workplace);
}

/** Whole or not at all. */
export async function writeWorkplace({ directory }: Pick<Checkout, 'directory'>, workplace: Workplace): Promise<void> {
  const place = dirname(directory);
  await writeFile(join(place, `${file}.new`), JSON.stringify(workplace));
  await rename(join(place, `${file}.new`), join(place, file));
}

/** What setup, teardown, checks, services and the agent know of where they are. */
export function workplaceVariables({ directory }: Pick<Checkout, 'directory'>, workplace: Workplace | undefined): Record<string, string> {
  if (workplace === undefined) return {};
  const ports = Array.from({ length: portsPerCheckout }, (_, index): [string, string] => [
    index === 0 ? 'CYRUS_PORT' : `CYRUS_PORT_${index}`,
    String(workplace.port + index),
  ]);
  return {
    CYRUS_TASK_ID: workplace.taskId,
    ...(workplace.issue === null ? {} : { CYRUS_ISSUE: workplace.issue, LINEAR_ISSUE_IDENTIFIER: workplace.issue }),
    CYRUS_BRANCH: workplace.branch,
    CYRUS_BASE_SHA: workplace.baseSha,
    CYRUS_CHECKOUT: directory,
    ...Object.fromEntries(ports),
  };
}
