import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Check } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

export interface HomeFacts {
  readonly directory: string;
  readonly exists: boolean;
  /** Why it, or the directory it would be made in, cannot be written: an error's code. */
  readonly problem?: string;
  readonly isDirectory: boolean;
  readonly ownedBy: number;
  readonly uid: number;
  /** Permission bits. */
  readonly mode: number;
  /** Of config.json; 0 without one. */
  readonly configMode: number;
  /** Programs can be run from it. */
  readonly executable: boolean;
}

export function judgeHome(facts: HomeFacts): readonly Finding[] {
  const { directory, problem, ownedBy, uid } = facts;
  const name = 'home';
  if (facts.exists && !facts.isDirectory)
    return [
      error(name, `${directory} is no directory`, {
        why: 'Configuration and data go there.',
        fix: 'Remove it, or name another home with --home or CYRUS_HOME.',
      }),
    ];
  if (problem !== undefined) {
    const readOnly = problem === 'EROFS';
    const owner = facts.exists && ownedBy !== uid ? `; it belongs to the account ${ownedBy}, this is ${uid}` : '';
    return [
      error(name, `${directory} cannot be ${facts.exists ? 'written' : 'made'} (${readOnly ? 'read-only file system' : problem}${owner})`, {
        why: 'Configuration, database and checkouts go there.',
        fix: readOnly
          ? 'Name a home on a disk that can be written, with --home or CYRUS_HOME.'
          : `Run Cyrus as its owner, or: chown -R ${uid} ${directory} && chmod -R u+rwX ${directory}`,
      }),
    ];
  }
  if (!facts.exists) return [ok(name, `${directory} will be made at the first start`)];
  const found: Finding[] = [];
  if (ownedBy !== uid)
    found.push(
      warning(name, `${directory} belongs to the account ${ownedBy}, this is ${uid}`, {
        why: 'Files that are made now will be closed to that account.',
        fix: `Run Cyrus as that account, or name another home with --home.`,
      }),
    );
  if ((facts.mode & 0o077) !== 0)
    found.push(
      warning(name, `${directory} is open to other accounts (${(facts.mode & 0o777).toString(8)})`, {
        why: 'It holds the code of your repositories, conversations and the database’s password. cyrus start closes it.',
        fix: `chmod 700 ${directory}`,
      }),
    );
  if ((facts.configMode & 0o077) !== 0)
    found.push(
      warning(name, `${join(directory, 'config.json')} can be read by other accounts (${(facts.configMode & 0o777).toString(8)})`, {
        why: 'Tokens may be in it.',
        fix: `chmod 600 ${join(directory, 'config.json')}`,
      }),
    );
  if (!facts.executable)
    found.push(
      error(name, `programs cannot be run from ${directory} (mounted with noexec?)`, {
        why: 'The database’s programs and your repositories’ checks run from there.',
        fix: 'Name a home on another file system with --home or CYRUS_HOME, or mount it without noexec.',
      }),
    );
  return found.length > 0 ? found : [ok(name, directory)];
}

export const homeCheck: Check = {
  name: 'home',
  async run({ home: { directory, configFile } }) {
    const found = await stat(directory).catch(() => undefined);
    const config = await stat(configFile).catch(() => undefined);
    const place = found?.isDirectory() ? directory : await existing(dirname(directory));
    const { problem, executable } = await tryOut(place, found !== undefined);
    return judgeHome({
      directory,
      exists: found !== undefined,
      isDirectory: found?.isDirectory() ?? false,
      ownedBy: found?.uid ?? 0,
      uid: process.getuid?.() ?? 0,
      mode: found?.mode ?? 0,
      configMode: config === undefined ? 0 : config.mode & 0o777,
      executable,
      ...(problem === undefined ? {} : { problem }),
    });
  },
};

/** Writes a small program there and runs it. */
async function tryOut(place: string, run: boolean): Promise<{ readonly problem?: string; readonly executable: boolean }> {
  let own: string | undefined;
  try {
    own = await mkdtemp(join(place, '.doctor-'));
    const file = join(own, 'program');
    await writeFile(file, '#!/bin/sh\nexit 0\n', { mode: 0o700 });
    if (!run) return { executable: true };
    return {
      executable: await promisify(execFile)(file).then(
        () => true,
        (cause: NodeJS.ErrnoException) => cause.code !== 'EACCES',
      ),
    };
  } catch (cause) {
    return { problem: (cause as NodeJS.ErrnoException).code ?? String(cause), executable: true };
  } finally {
    if (own !== undefined) await rm(own, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function existing(path: string): Promise<string> {
  return (await stat(path).catch(() => undefined)) || path === dirname(path) ? path : existing(dirname(path));
}
