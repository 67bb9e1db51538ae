import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { configDirectory } from './agent-env.ts';
import type { Totals } from './usage-meter.ts';

/** The agent's own transcript of a conversation; undefined when there is nothing to resume. The working directory it began in does not matter. */
export async function findTranscript(home: string, conversationId: string): Promise<string | undefined> {
  const projects = join(configDirectory(home), 'projects');
  for (const project of await readdir(projects).catch(() => [])) {
    const path = join(projects, project, `${conversationId}.jsonl`);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() && found.size > 0) return path;
  }
  return undefined;
}

/** Whether an exchange was recorded: a transcript without one cannot be resumed. And the totals it ended with, which the next run goes on from. */
export async function readTranscript(path: string): Promise<{ readonly resumable: boolean; readonly totals: Totals }> {
  let resumable = false;
  let totals: Totals = {};
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    if (!resumable && /"type":"(?:user|assistant)"/.test(line) && line.includes('"parentUuid"')) resumable = true;
    if (line.startsWith('{"type":"cost-state"')) totals = totalsIn(line) ?? totals;
  }
  return { resumable, totals };
}

function totalsIn(line: string): Totals | undefined {
  try {
    const entry = JSON.parse(line) as { readonly modelUsage?: Totals };
    return entry.modelUsage;
  } catch {
    return undefined;
  }
}
