import { type ChildProcess, spawn } from 'node:child_process';
import { chown, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import type { Binaries } from './binaries.ts';
import { explainFailure, serverEnvironment } from './cluster.ts';
import type { Layout } from './layout.ts';
import { commandOf, isAlive } from './process-table.ts';

/** What `postmaster.pid` says, if a live postmaster of this data directory wrote it. */
export interface Running {
  readonly pid: number;
  readonly socketDirectory: string;
  readonly port: number;
  readonly state: 'starting' | 'ready' | 'stopping';
}

/** The live postmaster of `data`; undefined when there is none, whatever a stale file says. */
export async function findPostmaster(data: string): Promise<Running | undefined> {
  const lines = (await readFile(path.join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!(pid > 0) || !isAlive(pid) || !(await isPostmasterOf(pid, data))) return undefined;
  const status = lines[7];
  return {
    pid,
    port: Number(lines[3]) || 5432,
    socketDirectory: lines[4] ?? '',
    state: status === 'ready' ? 'ready' : status === 'stopping' ? 'stopping' : 'starting',
  };
}

/** True for a postmaster that was started on `data`; its children, zombies and strangers with its old id are not. */
export async function isPostmasterOf(pid: number, data: string): Promise<boolean> {
  return (await commandOf(pid)).includes(` -D ${data} `);
}

/**
 * A crashed postmaster leaves its pid file. PostgreSQL itself discards one whose process is gone, but not where the id
 * has gone to another process of the same account, or to a zombie nobody has reaped. Our own id in its place is one that
 * PostgreSQL knows to be stale (its parent's), and the rest of the file still guards the shared memory of old backends.
 */
export async function disownPidFile(layout: Layout, socketDirectory: string): Promise<void> {
  const file = path.join(layout.data, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  if (!(pid > 0) || !isAlive(pid) || pid === process.pid) return;
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, text.replace(/^\d+/, String(process.pid)), { mode: 0o600 });
  if (layout.account) await chown(temporary, layout.account.uid, layout.account.gid);
  await rename(temporary, file);
  await rm(path.join(socketDirectory, '.s.PGSQL.5432.lock'), { force: true });
}

/** Far longer than PostgreSQL takes from making a lock file to writing its id into it. */
const emptyLockMs = 200;

/**
 * A postmaster killed between making a lock file and writing its id leaves it empty, and PostgreSQL never starts beside one: it
 * cannot tell it from that of a server which is starting at this moment. One that stays empty is removed.
 */
export async function dropEmptyLocks(layout: Layout, socketDirectory: string, clock: Clock): Promise<void> {
  const isEmpty = (file: string): Promise<boolean> =>
    stat(file).then(
      ({ size }) => size === 0,
      () => false,
    );
  for (const file of [path.join(layout.data, 'postmaster.pid'), path.join(socketDirectory, '.s.PGSQL.5432.lock')]) {
    if (!(await isEmpty(file))) continue;
    await clock.sleep(emptyLockMs);
    if (await isEmpty(file)) await rm(file, { force: true });
  }
}

const logLimitBytes = 5_000_000;

/** A postmaster that we started and that accepts connections, or what it said when it ended instead. */
export type StartOutcome =
  | { readonly started: true; readonly child: ChildProcess; readonly pid: number }
  | { readonly started: false; readonly again: boolean; readonly error: Error };

/** Starts a postmaster in a session of its own, so that a terminal's signals reach the service alone and its drain can still write. */
export async function startPostmaster(
  layout: Layout,
  binaries: Binaries,
  settings: Readonly<Record<string, string>>,
  clock: Clock,
): Promise<StartOutcome> {
  const { data, account, logFile } = layout;
  await rotate(logFile);
  const log = await open(logFile, 'a', 0o600);
  if (account && !account.lent) await log.chown(account.uid, account.gid);
  const { size } = await log.stat();
  let child: ChildProcess;
  let spawnError: Error | undefined;
  let over = false;
  try {
    child = spawn(
      path.join(binaries.bin, 'postgres'),
      ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      {
        cwd: account?.lent ? '/' : layout.base,
        env: serverEnvironment(layout),
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        ...(account ? { uid: account.uid, gid: account.gid } : {}),
      },
    );
    // At once: it may be over before the log is closed, and nobody would hear of it.
    child.once('error', (error) => {
      spawnError = error;
      over = true;
    });
    child.once('exit', () => {
      over = true;
    });
  } finally {
    await log.close();
  }
  child.unref();
  while (!over) {
    const running = await findPostmaster(data);
    if (running?.pid === child.pid && running?.state === 'ready') return { started: true, child, pid: running.pid };
    await clock.sleep(10);
  }
  const output = spawnError ? String(spawnError) : await readFrom(logFile, size);
  return {
    started: false,
    // Backends of a killed postmaster are still leaving, or another process has just started one.
    again: /pre-existing shared memory block|lock file "[^"]*" already exists|is another postmaster/i.test(output),
    error: explainFailure('PostgreSQL did not start', output, data),
  };
}

/** Ends a postmaster: orderly, and with ever more force when it does not go. Resolves once its process is gone. */
export async function stopPostmaster(pid: number, data: string, clock: Clock): Promise<void> {
  // "Fast": open transactions are rolled back, the rest is written out. "Immediate" is safe too; recovery comes at the next start.
  for (const [signal, patienceMs] of [
    ['SIGINT', 10_000],
    ['SIGQUIT', 3_000],
    ['SIGKILL', 3_000],
  ] as const) {
    if (!(await isPostmasterOf(pid, data))) return;
    send(pid, signal);
    send(pid, 'SIGCONT');
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 10) {
      if (!isAlive(pid) || !(await isPostmasterOf(pid, data))) return;
      await clock.sleep(10);
    }
  }
}

/** Lets a stopped (SIGSTOP) process go on. */
export function thaw(pid: number): void {
  send(pid, 'SIGCONT');
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone meanwhile
  }
}

async function rotate(logFile: string): Promise<void> {
  const { size } = await stat(logFile).catch(() => ({ size: 0 }));
  if (size > logLimitBytes) await rename(logFile, `${logFile}.1`);
}

async function readFrom(file: string, offset: number): Promise<string> {
  const all = await readFile(file).catch(() => Buffer.alloc(0));
  return all.subarray(offset).toString('utf8').slice(-4_000);
}
