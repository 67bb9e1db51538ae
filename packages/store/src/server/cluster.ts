import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '../connection-lost.ts';
import type { Binaries } from './binaries.ts';
import type { Layout } from './layout.ts';
import { isAlive } from './process-table.ts';
import { damaged, orUseYourOwn, ServerError } from './server-error.ts';
import { initdbArguments } from './settings.ts';

/** The database role that owns everything. */
export const clusterUser = 'cyrus';

/** The major version an existing data directory was made by; undefined: there is none. */
export async function clusterVersion(data: string): Promise<number | undefined> {
  const text = await readFile(path.join(data, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new ServerError(
      'permission',
      `Cannot read the database in ${data} (${codeOf(error)}): it belongs to another account. Start Cyrus as that account, ${orUseYourOwn}.`,
      error,
    );
  });
  if (text === undefined) return undefined;
  const version = Number.parseInt(text, 10);
  if (Number.isNaN(version)) throw damaged(data, 'PG_VERSION, which says who made it, is empty');
  return version;
}

/** The password in the home; made at first use, and `created` says so. Processes that come here at once all get the same. */
export async function readPassword(layout: Layout): Promise<{ readonly password: string; readonly created: boolean }> {
  const { passwordFile, account } = layout;
  const known = await knownPassword(passwordFile);
  if (known) return { password: known, created: false };
  const password = randomBytes(32).toString('base64url');
  const temporary = `${passwordFile}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(temporary, `${password}\n`, { mode: 0o600 });
    if (account && !account.lent) await chown(temporary, account.uid, account.gid);
    // A link, unlike a rename, never replaces what another process has just made.
    await link(temporary, passwordFile);
    return { password, created: true };
  } catch (error) {
    const winner = codeOf(error) === 'EEXIST' ? await knownPassword(passwordFile) : '';
    if (winner) return { password: winner, created: true };
    throw new ServerError(
      'permission',
      `Cannot write ${passwordFile} (${codeOf(error) ?? String(error)}): make it writable for the account that runs Cyrus.`,
      error,
    );
  } finally {
    await rm(temporary, { force: true });
  }
}

async function knownPassword(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw new ServerError('permission', `Cannot read ${file} (${codeOf(error)}): make it readable for the account that runs Cyrus.`, error);
  }
}

/**
 * Makes the data directory, all or nothing: in a directory beside it, then renamed. Of two at once one wins.
 * @throws ServerError `disk_full`, `permission`, `account`, `start_failed`
 */
export async function createCluster(layout: Layout, binaries: Binaries, password: string, initdbExtra: readonly string[]): Promise<void> {
  const { base, data, account } = layout;
  await removeAbandoned(base);
  const temporary = path.join(base, `data.new-${process.pid}-${randomBytes(4).toString('hex')}`);
  const passwordCopy = `${temporary}.password`;
  try {
    await mkdir(temporary, { mode: 0o700 });
    await writeFile(passwordCopy, `${password}\n`, { mode: 0o600 });
    if (account) for (const file of [temporary, passwordCopy]) await chown(file, account.uid, account.gid);
    const { code, output } = await runAs(layout, path.join(binaries.bin, 'initdb'), [
      ...initdbArguments(binaries.major, temporary, clusterUser, passwordCopy),
      ...initdbExtra,
    ]);
    if (code !== 0) throw explainFailure('PostgreSQL could not make its data directory', output, data);
    await rename(temporary, data).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
    });
  } catch (error) {
    if (error instanceof ServerError) throw error;
    throw explainFailure('PostgreSQL could not make its data directory', String(error), data);
  } finally {
    await rm(temporary, { recursive: true, force: true });
    await rm(passwordCopy, { force: true });
  }
}

/** Gives the role `password` while the server is down: for a home that lost the old one. */
export async function resetPassword(layout: Layout, binaries: Binaries, password: string): Promise<void> {
  const statement = `alter role ${clusterUser} password '${password}';\n`;
  const { code, output } = await runAs(
    layout,
    path.join(binaries.bin, 'postgres'),
    ['--single', '-D', layout.data, '-c', 'log_min_messages=fatal', 'postgres'],
    statement,
  );
  if (code !== 0) throw explainFailure('The password of the database could not be renewed', output, layout.data);
}

/** The environment of every program of the server. */
export function serverEnvironment(layout: Layout): NodeJS.ProcessEnv {
  return { PATH: '/usr/bin:/bin', HOME: layout.base, LC_ALL: 'C', TZ: 'UTC' };
}

/** What PostgreSQL says when files of its data are missing or hold something else. */
const damage =
  /could not find the database system|database files are incompatible|not a valid data directory|could not locate a valid checkpoint|could not access the server configuration file|could not open (?:file|directory) "(?:base|global|pg_)|invalid page in block|could not read .*read only \d+ of|data directory .* has (?:wrong|invalid)|incorrect checksum in control file/;

/** The line in which it says why, without time and process. */
function reasonIn(output: string): string {
  const lines = output.trim().split('\n');
  const line =
    ['PANIC: ', 'FATAL: ', 'could not '].flatMap((sign) => lines.findLast((each) => each.includes(sign)) ?? [])[0] ?? lines.at(-1) ?? '';
  return line
    .replace(/^.*?(?:PANIC|FATAL): +/, '')
    .trim()
    .replace(/\.$/, '');
}

/** Says what went wrong in words of ours where the output shows a cause that has a remedy. */
export function explainFailure(what: string, output: string, data: string): ServerError {
  const tail = output.trim().split('\n').slice(-6).join('\n');
  const reason = reasonIn(output);
  const [, elsewhere] = /could not write lock file "(.*)\/[^/]*".*No space/.exec(output) ?? [];
  if (elsewhere !== undefined)
    return new ServerError(
      'disk_full',
      `${what}: ${elsewhere}, where its socket goes, is full. Nothing is lost; free some space there and start again.`,
    );
  if (/insufficient file descriptors|Too many open files/.test(output))
    return new ServerError(
      'limits',
      `${what}: this process may not open enough files. Raise the limit (ulimit -n 4096 in the shell that starts Cyrus, LimitNOFILE= in a systemd unit) and start again.`,
    );
  if (damage.test(output)) return damaged(data, reason);
  if (/No space left on device|ENOSPC|Disk quota exceeded/.test(output))
    return new ServerError(
      'disk_full',
      `${what}: the disk that holds ${data} is full. Nothing is lost; free some space and start again.\n${reason}`,
    );
  if (/could not look up effective user ID|user does not exist/.test(output))
    return new ServerError(
      'account',
      `${what}: the account with uid ${process.getuid?.()} has no passwd entry. Give it one, ${orUseYourOwn}.\n${tail}`,
    );
  if (/Permission denied|EACCES|Operation not permitted|EPERM|Read-only file system|EROFS/.test(output))
    return new ServerError(
      'permission',
      `${what} in ${data}: make the directories above it passable and writable for the account that runs it, ${orUseYourOwn}.\n${tail}`,
    );
  if (/error while loading shared libraries|Library not loaded|cannot execute|ENOEXEC|ENOENT/.test(output))
    return new ServerError('no_binaries', `${what}: its programs do not run on this system. Install PostgreSQL, ${orUseYourOwn}.\n${tail}`);
  return new ServerError('start_failed', `${what}.\n${tail}`);
}

/** Runs one program of the server to its end, as the account it is run as. */
async function runAs(layout: Layout, program: string, args: readonly string[], input?: string): Promise<{ code: number; output: string }> {
  const { account, base } = layout;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: account?.lent ? '/' : base,
      env: serverEnvironment(layout),
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(account ? { uid: account.uid, gid: account.gid } : {}),
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
    child.once('error', (error) => resolve({ code: -1, output: `${output}\n${String(error)}` }));
    child.once('close', (code) => resolve({ code: code ?? -1, output }));
  });
}

async function removeAbandoned(base: string): Promise<void> {
  for (const name of await readdir(base)) {
    const pid = /^data\.new-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await stat(path.join(base, name)).then(
      () => rm(path.join(base, name), { recursive: true, force: true }),
      () => undefined,
    );
  }
}
