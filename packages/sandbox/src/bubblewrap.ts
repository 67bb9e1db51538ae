import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from 'cyrus-core/clock';
import type { ClosedNetwork, Sandbox, SandboxedProcess, SandboxSpec } from 'cyrus-core/ports/sandbox';
import { type JoinableNetwork, openBubblewrapNetwork } from './bubblewrap-network.ts';
import { mountArguments } from './mounts.ts';
import { killRun, ofRuns, runMarker, sendKill, startTimeOf } from './process-table.ts';
import { closedProcArguments, openSystemView, type SystemView } from './system-view.ts';
import { unstarted } from './unstarted.ts';
import { within } from './within.ts';

export interface BubblewrapOptions {
  readonly clock: Clock;
  readonly bwrapPath: string;
  /** util-linux's, which puts a command into a closed network. */
  readonly nsenterPath: string;
  /** bubblewrap 0.8 or newer: nothing inside can make a user namespace of its own. Used when the service runs as root. */
  readonly canDisableUserns?: boolean;
}

/**
 * Runs commands in bubblewrap: the system read only, a private /tmp, the paths of the spec, and nothing else of the host;
 * own user, pid, ipc and uts namespace, no capability, a session without the terminal.
 * The kernel ends the whole tree when this process dies.
 */
export function createBubblewrap({ clock, bwrapPath, nsenterPath, canDisableUserns = false }: BubblewrapOptions): Sandbox {
  const asRoot = process.getuid?.() === 0;
  const networks = new WeakMap<ClosedNetwork, JoinableNetwork>();
  return {
    isolation: 'bwrap',
    killLeftovers: (prefix) => killRun(clock, ofRuns(prefix)),
    spawn(spec) {
      let system: SystemView | undefined;
      try {
        if (isAbsolute(spec.command) && !existsSync(spec.command)) throw new Error(`${spec.command} does not exist`);
        system = openSystemView(firstFile);
        const flags = isolationArguments(spec, { asRoot, disableUserns: asRoot && canDisableUserns, system: system.args });
        return supervise(clock, start([...way(spec), bwrapPath], flags, spec, system.files));
      } catch (error) {
        return unstarted(error as Error);
      } finally {
        system?.close();
      }
    },
    async openNetwork(request) {
      const made = await openBubblewrapNetwork({ bwrapPath, nsenterPath }, request);
      networks.set(made.network, made);
      return made.network;
    },
  };

  function way({ network }: SandboxSpec): readonly string[] {
    if (typeof network === 'string') return [];
    const joined = networks.get(network)?.join();
    if (joined === undefined) throw new Error('the closed network of the command is not there (any more)');
    return joined;
  }
}

/** The first descriptor of bubblewrap after its streams, its status and its arguments. */
const firstFile = 5;

/** Everything that holds the command in. These stand in argv, complete before the process exists; only the environment follows by a pipe. */
function isolationArguments(
  spec: SandboxSpec,
  options: { readonly asRoot: boolean; readonly disableUserns: boolean; readonly system: readonly string[] },
): string[] {
  return [
    ...['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    ...(spec.network === 'none' ? ['--unshare-net'] : []),
    ...(options.disableUserns ? ['--disable-userns'] : []),
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
    ...options.system,
    ...['--proc', '/proc', ...(options.asRoot ? closedProcArguments() : [])],
    ...['--dev', '/dev', '--tmpfs', '/tmp', '--tmpfs', '/run', '--tmpfs', '/var/tmp'],
    ...mountArguments(spec),
    ...['--remount-ro', '/', '--chdir', spec.cwd],
    ...['--json-status-fd', '3', '--args', '4', '--', spec.command, ...spec.args],
  ];
}

/**
 * Variables go by a pipe: argv is readable for every user of the host, and bubblewrap itself runs outside,
 * where a variable such as LD_PRELOAD must not reach it.
 */
function start(
  [program = '', ...before]: readonly string[],
  args: readonly string[],
  spec: SandboxSpec,
  files: readonly number[],
): ChildProcess {
  const variables = Object.entries({ ...spec.env, [runMarker]: spec.runId });
  const bad = [...variables.flat(), ...args].find((text) => text.includes('\0'));
  if (bad !== undefined) throw new Error('a variable or an argument holds a NUL character');
  const child = spawn(program, [...before, ...args], {
    // Its own session: Ctrl-C on the service's terminal asks the service to drain, it does not end the agents.
    detached: true,
    cwd: '/',
    env: { [runMarker]: spec.runId },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe', ...files],
  });
  const environment = child.stdio[4] as Writable;
  environment.on('error', () => undefined);
  environment.end(variables.map(([name, value]) => `--setenv\0${name}\0${value}\0`).join(''));
  return child;
}

function supervise(clock: Clock, child: ChildProcess): SandboxedProcess {
  const status = readStatus(child.stdio[3] as Readable);
  let killed = false;
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, spawnError: error }));
    child.once('exit', async (code, signal) => {
      const { init, commandCode } = await status.ended;
      if (init !== undefined) await untilDead(clock, init);
      resolve(exitOf({ code, signal, commandCode, killed }));
    });
  });
  return {
    child,
    exited,
    async kill() {
      if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
        killed = true;
        // The first process of the pid namespace is ended rather than bubblewrap itself: the kernel lets it go only when
        // everything in the namespace is gone, and bubblewrap then ends by itself. Both orders are right, this one is exact.
        const init = await within(clock, 200, status.started);
        sendKill(init?.pid ?? child.pid);
        if ((await within(clock, 500, exited)) === undefined) sendKill(child.pid);
      }
      await exited;
    },
  };
}

type Exit = Awaited<SandboxedProcess['exited']>;

function exitOf(end: { code: number | null; signal: string | null; commandCode: number | undefined; killed: boolean }): Exit {
  if (end.killed) return { code: null, signal: 'SIGKILL' };
  if (end.signal !== null || end.code === null) return { code: null, signal: end.signal };
  // bubblewrap ends with 1 when it cannot build the sandbox, and says why on stderr; the command's own code it reports apart.
  if (end.code === 1 && end.commandCode === undefined) {
    return { code: null, signal: null, spawnError: new Error('bubblewrap could not start the command; its stderr says why') };
  }
  return { code: end.code, signal: null };
}

interface Init {
  readonly pid: number;
  readonly startTime: string | undefined;
}

interface Status {
  /** The first process of the pid namespace; undefined when there never was one. */
  readonly started: Promise<Init | undefined>;
  /** Settles when bubblewrap is gone. `commandCode` is absent when the command never ran or was cut off. */
  readonly ended: Promise<{ readonly init: Init | undefined; readonly commandCode: number | undefined }>;
}

function readStatus(stream: Readable): Status {
  let text = '';
  let announce: (init: Init | undefined) => void = () => undefined;
  const started = new Promise<Init | undefined>((resolve) => {
    announce = resolve;
  });
  const ended = new Promise<Awaited<Status['ended']>>((resolve) => {
    stream.setEncoding('utf8');
    stream.on('error', () => undefined);
    stream.on('data', (chunk: string) => {
      text += chunk;
      const pid = numberOf(text, 'child-pid');
      if (pid !== undefined) void startTimeOf(pid).then((startTime) => announce({ pid, startTime }));
    });
    stream.once('close', async () => {
      if (numberOf(text, 'child-pid') === undefined) announce(undefined);
      resolve({ init: await started, commandCode: numberOf(text, 'exit-code') });
    });
  });
  return { started, ended };
}

function numberOf(text: string, key: string): number | undefined {
  const match = new RegExp(`"${key}": *(\\d+)`).exec(text);
  return match ? Number(match[1]) : undefined;
}

async function untilDead(clock: Clock, init: Init): Promise<void> {
  while (init.startTime !== undefined && (await startTimeOf(init.pid)) === init.startTime) await clock.sleep(2);
}
