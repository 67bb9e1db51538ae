import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import type { Clock } from 'cyrus-core/clock';
import type { ClosedNetwork, NetworkDoor, Sandbox, SandboxedProcess, SandboxSpec } from 'cyrus-core/ports/sandbox';
import { bridgeClient } from './bridge-client.ts';
import { bridgeProgram } from './bridge-program.ts';
import { mountsOf } from './mounts.ts';
import { runMarker } from './process-table.ts';
import { keeperProgram } from './seatbelt-keeper.ts';
import { seatbeltProfile } from './seatbelt-profile.ts';
import { unstarted } from './unstarted.ts';
import { within } from './within.ts';

export interface SeatbeltOptions {
  readonly clock: Clock;
  /** `/usr/bin/sandbox-exec` of macOS. */
  readonly sandboxExecPath: string;
}

/**
 * Runs commands under macOS's seatbelt: they write the paths of the spec, read those and the system, and reach the doors of their network.
 * Weaker than a sandbox with namespaces: processes of the host can be seen, doors are ports of the host's loopback, commands of one network
 * do not reach each other, and the end of a tree is the work of a keeper process rather than of the kernel.
 */
export function createSeatbelt({ clock, sandboxExecPath }: SeatbeltOptions): Sandbox {
  const doorsOf = new WeakMap<ClosedNetwork, { readonly ports: readonly number[]; readonly over: () => boolean }>();

  function start(spec: SandboxSpec, temporary: string): ChildProcess {
    const paths = mountsOf(spec);
    const real = (writable: boolean): string[] => paths.filter((path) => path.writable === writable).map(({ from }) => realpathSync(from));
    const doors = typeof spec.network === 'string' ? undefined : doorsOf.get(spec.network);
    if (typeof spec.network !== 'string' && (doors === undefined || doors.over()))
      throw new Error('the closed network of this command has ended');
    const profile = seatbeltProfile({
      readable: [...real(false), dirname(dirname(realpathSync(process.execPath)))],
      writable: [...real(true), realpathSync(temporary)],
      network: spec.network === 'open' ? 'open' : (doors?.ports ?? []),
    });
    // Several commands of one run may be under way: each is told apart.
    const mark = `CYRUS_RUN_PART=${randomBytes(9).toString('hex')}`;
    const command = [sandboxExecPath, '-p', profile, spec.command, ...spec.args];
    return spawn(process.execPath, ['-e', keeperProgram, mark, ...command], {
      detached: true,
      cwd: spec.cwd,
      env: { ...spec.env, TMPDIR: temporary, [runMarker]: spec.runId, CYRUS_RUN_PART: mark.slice('CYRUS_RUN_PART='.length) },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
  }

  return {
    isolation: 'seatbelt',
    spawn(spec) {
      let temporary: string | undefined;
      try {
        if (!existsSync(spec.cwd)) throw new Error(`${spec.cwd} does not exist`);
        temporary = mkdtempSync(join(tmpdir(), 'cyrus-run-'));
        return supervise(clock, start(spec, temporary), temporary);
      } catch (error) {
        if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
        return unstarted(error as Error);
      }
    },
    async openNetwork({ runId, doors }) {
      const placed = await Promise.all(doors.map(async ({ socket, port }) => ({ socket, port: port ?? (await freePort()) })));
      const missing = placed.find(({ socket }) => !existsSync(dirname(socket)));
      if (missing) throw new Error(`${dirname(missing.socket)} does not exist`);
      // What asks for its own number is a port of this machine: on its loopback it is there already.
      const child = startBridge(
        runId,
        placed.filter((_, index) => doors[index]?.port === undefined),
      );
      const bridge = bridgeClient(child);
      const network: ClosedNetwork = {
        ports: placed.map(({ port }) => port),
        ready: bridge.ready,
        listens: bridge.listens,
        async close() {
          child.kill('SIGKILL');
          await bridge.exited;
        },
      };
      doorsOf.set(network, { ports: network.ports, over: bridge.over });
      return network;
    },
    // Keepers end with the service, and their commands with them: nothing is left for the next one.
    killLeftovers: async () => 0,
  };
}

/** It runs outside, and holds the doors alone. */
function startBridge(runId: string, doors: readonly Required<NetworkDoor>[]): ChildProcess {
  return spawn(process.execPath, ['-e', bridgeProgram, JSON.stringify(doors)], {
    detached: true,
    cwd: '/',
    env: { [runMarker]: runId },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Two networks must not have the same doors: the loopback is the host's. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function supervise(clock: Clock, child: ChildProcess, temporary: string): SandboxedProcess {
  const leash = child.stdio[3] as Writable;
  leash.on('error', () => undefined);
  let killed = false;
  const exited = new Promise<Awaited<SandboxedProcess['exited']>>((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, spawnError: error }));
    child.once('exit', (code, signal) => {
      rmSync(temporary, { recursive: true, force: true });
      resolve(killed ? { code: null, signal: 'SIGKILL' } : { code, signal });
    });
  });
  return {
    child,
    exited,
    async kill() {
      if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
        killed = true;
        leash.end();
        if ((await within(clock, 20_000, exited)) === undefined) child.kill('SIGKILL');
      }
      await exited;
    },
  };
}
