import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Clock } from 'cyrus-core/clock';

const lookMs = 50;
/** A holder ends within two requests; one that is seen unchanged for this long was killed, and its pid is somebody else's now. */
const staleMs = 60_000;
/** Locks that this process holds: after a restart another process may have had our pid. */
const mine = new Set<string>();

/**
 * Runs `work` while no other process runs under the same lock file. A holder that was killed is overtaken.
 * The lock saves work; two at once must be harmless for the caller, as they are where a frozen holder thaws.
 */
export async function withFileLock<T>(path: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const token = `${process.pid} ${randomUUID()}`;
  await take(path, clock, token);
  mine.add(token);
  try {
    return await work();
  } finally {
    mine.delete(token);
    if ((await holderOf(path)) === token) await rm(path, { force: true });
  }
}

async function take(path: string, clock: Clock, token: string): Promise<void> {
  let seen: { holder: string; since: number } | undefined;
  for (;;) {
    const created = await writeFile(path, token, { flag: 'wx', mode: 0o600 }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
    if (created) return;
    const holder = await holderOf(path);
    if (holder === undefined) continue;
    if (seen?.holder !== holder) seen = { holder, since: clock.now() };
    const waited = clock.now() - seen.since;
    // Empty: its maker has not written its name yet, or was killed before it could.
    const gone = holder === '' ? waited > 1_000 : !isAlive(holder) || waited > staleMs;
    if (gone) await overtake(path, holder, token);
    else await clock.sleep(lookMs);
  }
}

async function holderOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

function isAlive(holder: string): boolean {
  const pid = Number(holder.split(' ')[0]);
  if (pid === process.pid) return mine.has(holder);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Takes the dead holder's file away. Where another was faster and it is a living one's by now, that one gets it back. */
async function overtake(path: string, holder: string, token: string): Promise<void> {
  const aside = `${path}.${token.split(' ')[1]}`;
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!moved) return;
  const taken = await holderOf(aside);
  if (taken !== undefined && taken !== holder) await writeFile(path, taken, { flag: 'wx', mode: 0o600 }).catch(() => undefined);
  await rm(aside, { force: true });
}
