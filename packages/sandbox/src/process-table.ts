import { readdir, readFile } from 'node:fs/promises';
import type { Clock } from 'cyrus-core/clock';

/** The environment variable that names the run in every process of its tree. */
export const runMarker = 'CYRUS_RUN';

/** Tells a process of interest by its environment, a list of `NAME=value`. */
export type Match = (environment: readonly string[]) => boolean;

/** Matches every process whose run id starts with `prefix`. */
export const ofRuns = (prefix: string): Match => {
  const start = `${runMarker}=${prefix}`;
  return (environment) => environment.some((variable) => variable.startsWith(start));
};

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly environment: readonly string[];
}

/**
 * Every live process that `matches`, and everything below them; never this process or one above it.
 * Reads /proc, so it finds processes that have left the process group and the session of the run. Empty where there is no /proc.
 */
export async function processesOfRun(matches: Match, alsoBelow: readonly number[] = []): Promise<number[]> {
  const rows = await readProcessTable();
  const parents = new Map(rows.map((row) => [row.pid, row.parent]));
  const spared = new Set<number>();
  for (let pid: number | undefined = process.pid; pid !== undefined && pid > 0 && !spared.has(pid); pid = parents.get(pid)) spared.add(pid);
  const roots = new Set(alsoBelow);
  const found = new Set<number>();
  const belongs = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1 && !spared.has(at); at = parents.get(at)) {
      if (roots.has(at) || found.has(at)) return true;
    }
    return false;
  };
  for (const row of rows) if (!spared.has(row.pid) && matches(row.environment)) found.add(row.pid);
  for (const row of rows) if (belongs(row.pid)) found.add(row.pid);
  return [...found];
}

/**
 * SIGKILLs what `matches`, and once what lives below `alsoBelow`, until a pass over the process table finds nothing left, so that a fork cannot outrun it.
 * Resolves with how many different processes there were.
 * @throws Error when something survives for `limitMs` (a process in uninterruptible sleep)
 */
export async function killRun(
  clock: Clock,
  matches: Match,
  { alsoBelow = [], limitMs = 10_000 }: { readonly alsoBelow?: readonly number[]; readonly limitMs?: number } = {},
): Promise<number> {
  const killed = new Set<number>();
  const until = clock.now() + limitMs;
  for (let below = alsoBelow; ; below = []) {
    const left = await processesOfRun(matches, below);
    if (left.length === 0) return killed.size;
    for (const pid of left) {
      killed.add(pid);
      sendKill(pid);
    }
    if (clock.now() > until) throw new Error(`processes ${left.join(', ')} do not end after SIGKILL`);
    await clock.sleep(5);
  }
}

/** SIGKILL to one process; one that is already gone is no error. */
export function sendKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already, or not ours to end.
  }
}

/** When the process started, in clock ticks since boot; undefined once it is dead (a zombie counts as dead). With the pid it names one process for good. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const fields = await statFields(pid);
  return fields === undefined || fields.state === 'Z' ? undefined : fields.startTime;
}

async function readProcessTable(): Promise<ProcessRow[]> {
  const names = await readdir('/proc').catch(() => []);
  const rows = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map((name) => readProcess(Number(name))));
  return rows.filter((row) => row !== undefined);
}

async function readProcess(pid: number): Promise<ProcessRow | undefined> {
  const fields = await statFields(pid);
  if (fields === undefined || fields.state === 'Z') return undefined;
  const environ = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
  return { pid, parent: fields.parent, environment: environ.split('\0') };
}

async function statFields(pid: number): Promise<{ state: string; parent: number; startTime: string } | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The command name stands in parentheses and may hold anything, more parentheses too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', parent: Number(fields[1]), startTime: fields[19] ?? '' };
}
