import { createHash, randomBytes } from 'node:crypto';
import { access, chmod, chown, constants, lstat, mkdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '../connection-lost.ts';
import { type Account, chooseAccount, ownerOf, reachable } from './account.ts';
import { orUseYourOwn, ServerError } from './server-error.ts';

/** Where one embedded server keeps its things. */
export interface Layout {
  /** Undefined: the server runs as ourselves. */
  readonly account: Account | undefined;
  /** Holds `data` and `leases`; its owner is ours, the account may only pass. */
  readonly base: string;
  readonly data: string;
  readonly leases: string;
  /** Copied binaries, one directory a version. */
  readonly copies: string;
  readonly passwordFile: string;
  readonly logFile: string;
}

/**
 * `$home/pg` and `$home/pgbin`; as root `/var/lib/cyrus`, since a home of root's is closed to the account the server runs
 * as. A database that is in `$home/pg` already stays there, and runs as its owner.
 */
export async function layOut(home: string, stateDir: string): Promise<Layout> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const root = await realpath(home);
  const inHome = path.join(root, 'pg');
  const logFile = path.join(root, 'logs/postgres.log');
  const passwordFile = path.join(root, 'database-password');
  const place = (base: string, copies: string, account: Account | undefined): Layout => ({
    account,
    base,
    data: path.join(base, 'data'),
    leases: path.join(base, 'leases'),
    copies,
    passwordFile,
    logFile,
  });

  let layout: Layout;
  if (process.getuid?.() === 0) {
    const owner = await ownerOf(path.join(inHome, 'data'));
    if (owner && owner.uid !== 0 && (await reachable(inHome, owner))) {
      layout = place(inHome, path.join(root, 'pgbin'), owner);
    } else {
      const account = await chooseAccount(root);
      layout = place(
        path.join(stateDir, createHash('sha256').update(root).digest('hex').slice(0, 16)),
        path.join(stateDir, 'pgbin'),
        account,
      );
    }
  } else {
    layout = place(inHome, path.join(root, 'pgbin'), undefined);
  }
  try {
    await makeClosed(layout.base, layout.account);
    for (const directory of [layout.leases, path.dirname(logFile), layout.copies]) await makeOwn(directory, layout);
  } catch (error) {
    throw new ServerError(
      'permission',
      `Cannot write ${layout.base}, where the database goes (${await reasonFor(layout.base, error)}): make it writable, ${process.getuid?.() === 0 ? 'or name another place with CYRUS_STATE_DIR, ' : ''}${orUseYourOwn}.`,
      error,
    );
  }
  return layout;
}

/** Making directories on a read-only file system ends with ENOENT, which says nothing to anybody. */
async function reasonFor(directory: string, error: unknown): Promise<string> {
  if (codeOf(error) !== 'ENOENT') return codeOf(error) ?? String(error);
  for (let at = directory; at !== path.dirname(at); at = path.dirname(at)) {
    const problem = await access(at, constants.W_OK).then(
      () => 'ENOENT',
      (found: unknown) => codeOf(found) ?? String(found),
    );
    if (problem !== 'ENOENT') return problem;
  }
  return 'ENOENT';
}

/** A directory that is ours alone; an account lent to the server may pass through it, by its private group. */
async function makeClosed(directory: string, account: Account | undefined): Promise<void> {
  await mkdir(path.dirname(directory), { recursive: true, mode: 0o755 });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if (!account?.lent) return;
  await chown(directory, 0, account.gid);
  await chmod(directory, 0o710);
}

/** A directory of ours; in the home of somebody else (root at work there) it is theirs, who will need it again. */
async function makeOwn(directory: string, { account, base }: Layout): Promise<void> {
  const shared = !directory.startsWith(base) && path.basename(directory) === 'pgbin';
  await mkdir(directory, { recursive: true, mode: shared ? 0o755 : 0o700 });
  if (account && !account.lent) await chown(directory, account.uid, account.gid);
}

const longestSocketPath = 100; // sun_path holds 104 bytes on macOS, 108 on Linux
const socketName = '.s.PGSQL.5432';

/**
 * A directory for the server's socket that no other account can enter, with a path short enough for a socket however
 * long the home is. The same for the same data unless somebody else took that name.
 */
export async function socketDirectory(layout: Layout): Promise<string> {
  const { account } = layout;
  const name = `cyrus-${createHash('sha256').update(layout.data).digest('hex').slice(0, 12)}`;
  const session = account ? undefined : process.env['XDG_RUNTIME_DIR'];
  const candidates = [
    ...(session && (await isOurs(session)) ? [path.join(session, name)] : []),
    path.join('/tmp', name),
    path.join('/tmp', `${name}-${randomBytes(4).toString('hex')}`),
  ];
  for (const directory of candidates) {
    if (Buffer.byteLength(path.join(directory, socketName)) > longestSocketPath) continue;
    if (await claimSocketDirectory(directory, account)) return directory;
  }
  throw new ServerError(
    'permission',
    `Cannot make a directory for the database socket (tried ${candidates.join(', ')}): make /tmp writable, ${orUseYourOwn}.`,
  );
}

/** Makes `directory`, or finds it ours and closed to others. */
export async function claimSocketDirectory(directory: string, account: Account | undefined): Promise<boolean> {
  const owner = account?.lent ? 0 : (account?.uid ?? process.getuid?.());
  const mode = account?.lent ? 0o770 : 0o700;
  try {
    await mkdir(directory, { mode: 0o700 });
    if (account) await chown(directory, owner ?? 0, account.gid);
    await chmod(directory, mode);
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') return false;
  }
  const found = await lstat(directory);
  return found.isDirectory() && found.uid === owner && (found.mode & 0o777) === mode && (!account || found.gid === account.gid);
}

async function isOurs(directory: string): Promise<boolean> {
  return stat(directory).then(
    (found) => found.isDirectory() && found.uid === process.getuid?.(),
    () => false,
  );
}
