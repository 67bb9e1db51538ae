import { readdir, readFile, readlink } from 'node:fs/promises';

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** With the pid it names one process for good. */
  readonly startTime: string;
  readonly command: string;
  readonly environment: string;
}

/** Every live process that may be looked at; zombies are dead. */
export async function processTable(): Promise<ProcessRow[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const rows = await Promise.all(names.map((name) => readProcess(Number(name))));
  return rows.filter((row) => row !== undefined);
}

async function readProcess(pid: number): Promise<ProcessRow | undefined> {
  const read = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
  const [stat, command, environment] = await Promise.all([read('stat'), read('cmdline'), read('environ')]);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (stat === '' || fields[0] === 'Z') return undefined;
  return {
    pid,
    parent: Number(fields[1]),
    startTime: fields[19] ?? '',
    command: command.replaceAll('\0', ' ').trim(),
    environment,
  };
}

/** All below `root`, without it. */
export function below(table: readonly ProcessRow[], root: number): ProcessRow[] {
  const found = new Set([root]);
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    for (const row of table) if (found.has(row.parent)) found.add(row.pid);
  }
  return table.filter((row) => row.pid !== root && found.has(row.pid));
}

/** The mark of an agent or a check in its environment; the host's own git has one that begins otherwise. */
export const isAgent = (row: ProcessRow): boolean => /(?:^|\0)CYRUS_RUN=(?!git-)/.test(row.environment);
export const isHostGit = (row: ProcessRow): boolean => /(?:^|\0)CYRUS_RUN=git-/.test(row.environment);

/** True when the process has `text` in its command, its environment or its directory. */
export async function concerns(row: ProcessRow, text: string): Promise<boolean> {
  if (row.command.includes(text) || row.environment.includes(text)) return true;
  return (await readlink(`/proc/${row.pid}/cwd`).catch(() => '')).includes(text);
}

/** Sends a signal; false when the process is gone. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

export const isSame = (a: ProcessRow, b: ProcessRow): boolean => a.pid === b.pid && a.startTime === b.startTime;
