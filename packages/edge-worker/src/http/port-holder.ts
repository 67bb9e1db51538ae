import { readdir, readFile, readlink } from 'node:fs/promises';

/** The program that listens on a port. */
export interface PortHolder {
  readonly pid: number;
  readonly command: string;
}

/** `node server.js (pid 4711)` */
export const describeHolder = ({ pid, command }: PortHolder): string => `${command} (pid ${pid})`;

/** Looks up who listens on a TCP port of this machine: Linux only, and only programs that this account may look into. */
export async function findPortHolder(port: number): Promise<PortHolder | undefined> {
  const sockets = new Set((await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((table) => listeners(table, port)))).flat());
  if (sockets.size === 0) return undefined;
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    for (const descriptor of await readdir(`/proc/${name}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${name}/fd/${descriptor}`).catch(() => '');
      if (!sockets.has(target)) continue;
      const command = (await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim();
      return { pid: Number(name), command: shortened(command) || 'a program' };
    }
  }
  return undefined;
}

/** The sockets that listen on `port`, as links in `/proc/PID/fd` name them. */
async function listeners(table: string, port: number): Promise<readonly string[]> {
  const lines = (await readFile(table, 'utf8').catch(() => '')).split('\n').slice(1);
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return lines.flatMap((line) => {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
    return state === '0A' && local.endsWith(wanted) ? [`socket:[${inode}]`] : [];
  });
}

/** Arguments may hold secrets: the program and what it was given first are enough to know it by. */
function shortened(command: string): string {
  const words = command.split(' ').filter((word) => !word.startsWith('-'));
  return words.slice(0, 2).join(' ').slice(0, 120);
}
