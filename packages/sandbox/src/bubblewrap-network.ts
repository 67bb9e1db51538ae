import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import type { ClosedNetwork, NetworkDoor } from 'cyrus-core/ports/sandbox';
import { bridgeClient } from './bridge-client.ts';
import { bridgeProgram, firstDoorPort } from './bridge-program.ts';
import { runMarker, sendKill } from './process-table.ts';
import { programArguments } from './system-view.ts';

/** A closed network, and how a command is put into it. */
export interface JoinableNetwork {
  readonly network: ClosedNetwork;
  /** What stands before the command that is to run in it; undefined once it is closed. */
  join(): readonly string[] | undefined;
}

/**
 * Starts the one process that keeps a network namespace of its own and opens its doors. Commands are put into the namespace through
 * descriptors that this process holds: a process id that has been given away anew would lead somewhere else.
 */
export async function openBubblewrapNetwork(
  { bwrapPath, nsenterPath }: { readonly bwrapPath: string; readonly nsenterPath: string },
  { runId, doors }: { readonly runId: string; readonly doors: readonly NetworkDoor[] },
): Promise<JoinableNetwork> {
  const missing = doors.find(({ socket }) => !existsSync(dirname(socket)));
  if (missing) throw new Error(`${dirname(missing.socket)} does not exist`);
  const placed = doors.map(({ socket, port }, index) => ({ socket, port: port ?? firstDoorPort + index }));
  const child = spawn(bwrapPath, holderArguments(placed), {
    detached: true,
    cwd: '/',
    env: { [runMarker]: runId },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const bridge = bridgeClient(child);

  const handles: FileHandle[] = [];
  void bridge.exited.then(async () => {
    await Promise.all(handles.splice(0).map((handle) => handle.close().catch(() => undefined)));
  });
  let init: number | undefined;
  const end = async (): Promise<void> => {
    // The first process inside is ended, and bubblewrap ends with it: the other way round, one that has hardly begun would not notice.
    if (init === undefined) child.kill('SIGKILL');
    else if (!bridge.over()) sendKill(init);
    // Whatever is left of it reads that its input has ended.
    child.stdin?.end();
    await bridge.exited;
  };

  try {
    const pid = await holderPid(child.stdio[3] as Readable);
    init = pid;
    if (pid === undefined) throw new Error('bubblewrap could not make a closed network');
    for (const name of ['net', 'user'] as const) handles.push(await open(`/proc/${pid}/ns/${name}`));
    const [net, user] = handles.map((handle) => `/proc/${process.pid}/fd/${handle.fd}`) as [string, string];
    if (bridge.over() || (await readlink(net)) === (await readlink('/proc/self/ns/net')))
      throw new Error('The closed network ended at once.');
    const flags = canEnter() ? [`--net=${net}`] : ['--preserve-credentials', `--user=${user}`, `--net=${net}`];
    return {
      join: () => (bridge.over() ? undefined : [nsenterPath, ...flags, '--']),
      network: {
        ports: placed.map(({ port }) => port),
        ready: bridge.ready,
        listens: bridge.listens,
        close: end,
      },
    };
  } catch (error) {
    await end();
    // What bubblewrap says of itself explains more than what is missing because of it.
    const complaint = bridge.complaint();
    throw complaint === '' ? error : new Error(`bubblewrap could not make a closed network: ${complaint}`);
  }
}

function holderArguments(doors: readonly { readonly port: number; readonly socket: string }[]): string[] {
  const node = process.execPath;
  const shown = [
    ...new Set([...(node.startsWith('/usr/') ? [] : [dirname(dirname(node))]), ...doors.map(({ socket }) => dirname(socket))]),
  ];
  return [
    ...['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try', '--unshare-net'],
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
    ...programArguments(),
    // Not `--dev`: with it bubblewrap nests a second user namespace, and the first, which the network belongs to, could not be entered.
    ...['--dev-bind', '/dev/null', '/dev/null', '--dev-bind', '/dev/urandom', '/dev/urandom', '--tmpfs', '/tmp', '--tmpfs', '/run'],
    ...shown.flatMap((path) => ['--ro-bind', path, path]),
    ...['--remount-ro', '/', '--chdir', '/', '--json-status-fd', '3', '--'],
    // It has nothing for V8's helper threads to do.
    ...[node, '--v8-pool-size=0', '-e', bridgeProgram, JSON.stringify(doors)],
  ];
}

/** The first process of the new namespaces; undefined when there never was one. */
function holderPid(status: Readable): Promise<number | undefined> {
  let text = '';
  return new Promise((resolve) => {
    status.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const pid = /"child-pid": *(\d+)/.exec(text)?.[1];
      if (pid !== undefined) resolve(Number(pid));
    });
    status.on('error', () => undefined);
    status.once('close', () => resolve(undefined));
  });
}

/** CAP_SYS_ADMIN: the network alone can be entered; without it, its user namespace, which is ours, comes first. */
function canEnter(): boolean {
  const held = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return held !== undefined && ((BigInt(`0x${held}`) >> 21n) & 1n) === 1n;
}
