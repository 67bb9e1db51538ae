import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '../connection-lost.ts';
import { orUseYourOwn, ServerError } from './server-error.ts';

/** Whom the server runs as, when not as ourselves. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** True for an account that other programs may run as too: then directories stay root's and open by the group alone. */
  readonly lent: boolean;
}

/**
 * PostgreSQL refuses to run as root, and its initdb refuses a uid without a passwd entry: so root lends it the account
 * `cyrus` where there is one, else `nobody`. Undefined: run as ourselves.
 *
 * Other programs may run as `nobody` too. The group is one that no account has, and the directories above the data belong
 * to root and that group: sharing the uid opens neither the files nor the socket (and the kernel refuses ptrace likewise).
 * @throws ServerError `account` when root finds neither
 */
export async function chooseAccount(instance: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = parsePasswd(await readFile('/etc/passwd', 'utf8'));
  const uid = passwd.get('cyrus') ?? passwd.get('nobody');
  if (uid === undefined)
    throw new ServerError(
      'account',
      `PostgreSQL does not run as root, and there is no account "cyrus" or "nobody" to run it as: create one (useradd --system cyrus), ${orUseYourOwn}.`,
    );
  return { uid, gid: privateGroup(instance), lent: true };
}

/** Account names and uids of a passwd file. */
export function parsePasswd(text: string): Map<string, number> {
  const accounts = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':');
    if (name && uid && /^\d+$/.test(uid) && uid !== '0') accounts.set(name, Number(uid));
  }
  return accounts;
}

/** A gid in a range (60100–60999) that neither Debian nor systemd gives to accounts, the same for the same instance. */
function privateGroup(instance: string): number {
  return 60_100 + (createHash('sha256').update(instance).digest().readUInt32BE(0) % 900);
}

/** The owner of `directory`, or undefined when it does not exist. */
export async function ownerOf(directory: string): Promise<Account | undefined> {
  try {
    const { uid, gid } = await stat(directory);
    return { uid, gid, lent: false };
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** True when `account` may pass through every directory down to `directory`, itself included. */
export async function reachable(directory: string, account: Account): Promise<boolean> {
  for (let at = path.resolve(directory); ; at = path.dirname(at)) {
    const { uid, gid, mode } = await stat(at);
    const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0;
    if (((mode >> shift) & 1) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}
