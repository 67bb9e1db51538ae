import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Clock } from 'cyrus-core/clock';
import type { Sandbox, SandboxedProcess, SandboxSpec } from 'cyrus-core/ports/sandbox';
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
  let count = 0;

  function start(spec: SandboxSpec, name: string): ChildProcess {
    const command = containerCommand(
      {
        ...{ engine, image, name, label, pids, ...limits },
        network: spec.network === 'open' ? networkOf(engine) : 'none',
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

  return {
    isolation: 'container',
    spawn(spec) {
      try {
        leash();
        const name = `${nameOf(spec.runId)}.${label}.${++count}`;
        return supervise(clock, engine, name, spec.runId, start(spec, name));
      } catch (error) {
        return unstarted(error as Error);
      }
    },
    async killLeftovers(prefix) {
      const names = await containersNamed(clock, engine, nameOf(prefix));
      if (names.length > 0) await askEngine(clock, engine.path, ['rm', '--force', ...names], { limitMs: 60_000 });
      return names.length;
    },
  };
}

const networkOf = (engine: ContainerEngine): string => (engine.name === 'podman' && engine.rootless ? 'slirp4netns' : 'bridge');

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
