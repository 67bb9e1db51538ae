import { readdir, readFile } from 'node:fs/promises';

/** One process, for good: a pid alone comes back. */
export interface ProcessId {
  readonly pid: number;
  readonly startTime: string;
}

interface Stat extends ProcessId {
  readonly parent: number;
}

/** Everything below `pid`, itself included, as it is now. */
export async function processTree(pid: number): Promise<readonly ProcessId[]> {
  const all = await allProcesses();
  const below = new Set([pid]);
  for (let size = 0; size !== below.size; ) {
    size = below.size;
    for (const each of all) if (below.has(each.parent)) below.add(each.pid);
  }
  return all.filter((each) => below.has(each.pid));
}

export async function isAlive({ pid, startTime }: ProcessId): Promise<boolean> {
  return (await statOf(pid))?.startTime === startTime;
}

export async function commandOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).replaceAll('\0', ' ').trim();
}

/** Memory of processes in MB, pages shared with others counted in proportion (PSS). */
export async function memoryMb(processes: readonly ProcessId[]): Promise<number> {
  const each = await Promise.all(
    processes.map(async ({ pid }) => {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1').catch(() => '');
      return Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    }),
  );
  return each.reduce((sum, kb) => sum + kb, 0) / 1024;
}

async function allProcesses(): Promise<readonly Stat[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return (await Promise.all(names.map((name) => statOf(Number(name))))).flatMap((stat) => (stat ? [stat] : []));
}

/** Undefined for one that is gone, or dead and not yet reaped. */
async function statOf(pid: number): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : { pid, parent: Number(fields[1]), startTime: fields[19] ?? '' };
}
