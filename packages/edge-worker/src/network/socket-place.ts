import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** sun_path holds 104 bytes on macOS, 108 on Linux; what stands below a place is at most 16 long. */
const longestPlace = 84;

/** What this process has made: another place of its id is of one before it, as in a container, where ids begin anew with each start. */
const ours = new Set<string>();

/**
 * A directory for sockets that no other account can enter, with a short path however long the home's is. It is this process's own; those of
 * processes that are gone are removed.
 */
export async function socketPlace(home: string): Promise<string> {
  const inHome = join(home, 'run');
  const name = `cyrus-run-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`;
  const base = Buffer.byteLength(join(inHome, String(process.pid))) <= longestPlace ? inHome : join(tmpdir(), name);
  if (!(await isOurs(base))) return mkdtemp(join(tmpdir(), 'cyrus-run-'));
  const place = join(base, String(process.pid));
  const isLeft = (path: string, pid: number): boolean => (path === place ? !ours.has(path) : !isAlive(pid));
  for (const entry of await readdir(base))
    if (isLeft(join(base, entry), Number(entry))) await rm(join(base, entry), { recursive: true, force: true });
  ours.add(place);
  await mkdir(place, { recursive: true, mode: 0o700 });
  return place;
}

async function isOurs(directory: string): Promise<boolean> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found = await lstat(directory);
  return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
