import { readdir, readFile, readlink } from 'node:fs/promises';

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Every process of this machine that may be looked at; zombies are none. */
export async function processes(): Promise<readonly Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(pids.map(read));
  return all.filter((process) => process !== undefined);
}

async function read(pid: string): Promise<Process | undefined> {
  try {
    const [command, stat] = await Promise.all([readFile(`/proc/${pid}/cmdline`, 'utf8'), readFile(`/proc/${pid}/stat`, 'utf8')]);
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : { pid: Number(pid), parent: Number(parent), command: command.replaceAll('\0', ' ').trim() };
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

/** Processes whose command line contains the text. */
export async function running(text: string): Promise<readonly Process[]> {
  return (await processes()).filter((process) => process.command.includes(text));
}

/** Processes that work below this directory. */
export async function workingIn(directory: string): Promise<readonly Process[]> {
  const all = await processes();
  const places = await Promise.all(all.map((process) => readlink(`/proc/${process.pid}/cwd`).catch(() => '')));
  return all.filter((_, index) => places[index]?.startsWith(directory));
}
