import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import type { ClosedNetwork, Sandbox, SandboxedProcess, SandboxSpec } from 'cyrus-core/ports/sandbox';
import { bridgeClient } from './bridge-client.ts';
import { bridgeProgram, firstDoorPort } from './bridge-program.ts';
import { containerCommand, runtimeArguments } from './container-arguments.ts';
import { askEngine, type ContainerEngine, engineEnvironment, hardLimits } from './container-engine.ts';
import { createLeash } from './container-leash.ts';
import { killRun, runMarker } from './process-table.ts';
import { systemPaths } from './system-view.ts';
import { unstarted } from './unstarted.ts';
import { within } from './within.ts';

export interface ContainerOptions {
  readonly clock: Clock;
  readonly engine: ContainerEngine;
  readonly image: string;
  /** The image is empty: the host's own programs are shown in it. */
  readonly hostSystem: boolean;
  readonly memoryMb?: number;
  readonly pids?: number;
}

/**
 * Runs commands in containers of Podman or Docker, for hosts without bubblewrap: the root read only, a private /tmp, the paths of the
 * spec, and nothing else of the host; own pid, ipc and network namespace, no capability. Containers are removed when their command
 * ends, when this process dies, and at the next start. The engine's socket never enters one.
 */
export function createContainer({ clock, engine, image, hostSystem, memoryMb, pids = 4096 }: ContainerOptions): Sandbox {
  const label = randomBytes(9).toString('hex');
  const leash = createLeash(engine.path, label);
  const limits = hardLimits();
  const holders = new WeakMap<ClosedNetwork, { readonly name: string; readonly over: () => boolean }>();
  let count = 0;

  function networkOf({ network }: SandboxSpec): string {
    if (network === 'none') return 'none';
    if (network === 'open') return 'host';
    const holder = holders.get(network);
    if (holder === undefined || holder.over()) throw new Error('the closed network of this command has ended');
    return `container:${holder.name}`;
  }

  function start(spec: SandboxSpec, name: string): ChildProcess {
    const command = containerCommand(
      {
        ...{ engine, image, name, label, pids, ...limits },
        network: networkOf(spec),
        uid: process.getuid?.() ?? 0,
        gid: process.getgid?.() ?? 0,
        ...(hostSystem ? { system: systemPaths() } : {}),
        ...(memoryMb === undefined ? {} : { memoryMb }),
      },
      spec,
    );
    const bad = [...command.args, ...Object.values(command.variables)].find((text) => text.includes('\0'));
    if (bad !== undefined) throw new Error('a variable or an argument holds a NUL character');
    return spawn(engine.path, [...command.args], {
      // Its own session: Ctrl-C on the service's terminal asks the service to drain, it does not end the agents.
      detached: true,
      cwd: '/',
      env: { ...command.variables, ...engineEnvironment() },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  const freshName = (runId: string): string => `${nameOf(runId)}.${label}.${++count}`;

  return {
    isolation: 'container',
    spawn(spec) {
      try {
        leash();
        const name = freshName(spec.runId);
        return supervise(clock, engine, name, spec.runId, start(spec, name));
      } catch (error) {
        return unstarted(error as Error);
      }
    },
    async openNetwork({ runId, doors }) {
      const missing = doors.find(({ socket }) => !existsSync(dirname(socket)));
      if (missing) throw new Error(`${dirname(missing.socket)} does not exist`);
      leash();
      const name = freshName(`${runId}.network`);
      const placed = doors.map(({ socket, port }, index) => ({ socket, port: port ?? firstDoorPort + index }));
      const node = hostSystem ? process.execPath : 'node';
      const shown = [
        ...placed.map(({ socket }) => dirname(socket)),
        ...(hostSystem && !node.startsWith('/usr/') ? [dirname(dirname(node))] : []),
      ];
      const command = ['-e', bridgeProgram, JSON.stringify(placed)];
      const env = { PATH: '/usr/local/bin:/usr/bin:/bin' };
      const child = start(
        { runId, command: node, args: command, cwd: '/', env, writable: [], readable: [...new Set(shown)], network: 'none' },
        name,
      );
      const holder = supervise(clock, engine, name, runId, child);
      const bridge = bridgeClient(child);
      // The engine can put a command into the network of a container that runs, and into no other.
      await bridge.ready;
      const network: ClosedNetwork = {
        ports: placed.map(({ port }) => port),
        ready: bridge.ready,
        listens: bridge.listens,
        close: () => holder.kill(),
      };
      holders.set(network, { name, over: bridge.over });
      return network;
    },
    async killLeftovers(prefix) {
      const names = await containersNamed(clock, engine, nameOf(prefix));
      if (names.length > 0) await askEngine(clock, engine.path, ['rm', '--force', ...names], { limitMs: 60_000 });
      return names.length;
    },
  };
}

/** A run's id as a container may be called. */
const nameOf = (runId: string): string => runId.replace(/[^A-Za-z0-9_.-]/g, '_');

async function containersNamed(clock: Clock, engine: ContainerEngine, prefix: string): Promise<readonly string[]> {
  const args = ['ps', '--all', '--format', '{{.Names}}', '--filter', 'label=cyrus'];
  const { stdout } = await askEngine(clock, engine.path, args);
  return stdout.split('\n').filter((name) => name.startsWith(prefix));
}

function supervise(clock: Clock, engine: ContainerEngine, name: string, runId: string, child: ChildProcess): SandboxedProcess {
  let killed = false;
  const exited = new Promise<Awaited<SandboxedProcess['exited']>>((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, spawnError: error }));
    child.once('exit', (code, signal) => {
      if (killed) return resolve({ code: null, signal: 'SIGKILL' });
      if (signal !== null || code === null) return resolve({ code: null, signal });
      // The engine's own failure; it says why on stderr.
      if (code === 125)
        return resolve({
          code: null,
          signal: null,
          spawnError: new Error(`${engine.name} could not start the container; its stderr says why`),
        });
      resolve({ code, signal: null });
    });
  });
  return {
    child,
    exited,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return void (await exited);
      killed = true;
      for (;;) {
        // Where its processes can be seen from here they are ended at once; the engine takes longer to do the same.
        await killRun(clock, (environment) => environment.includes(`${runMarker}=${runId}`), { limitMs: 200 }).catch(() => undefined);
        if ((await within(clock, 300, exited)) !== undefined) break;
        // Also one that was only being made.
        await askEngine(clock, engine.path, [...runtimeArguments(engine).before, 'rm', '--force', name], { limitMs: 10_000 });
        if ((await within(clock, 200, exited)) !== undefined) break;
      }
    },
  };
}
