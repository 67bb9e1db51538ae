import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { below, type ProcessRow, processTable, signal } from './processes.ts';
import { endProgram, type Program, startProgram } from './programs.ts';
import type { World } from './world.ts';

/** `cyrus start`, started again whenever it ends, as a process supervisor does. */
export interface Service {
  /** The process as it is now, ready or still starting. */
  pid(): number;
  isReady(): boolean;
  kill(): void;
  freeze(ms: number): Promise<void>;
  /** Ends that nobody asked for. */
  readonly failures: readonly string[];
  readonly starts: number;
  /** Milliseconds from each restart to its ready line. */
  readonly startTimesMs: readonly number[];
  /** Every process that was seen below it. */
  readonly seen: readonly ProcessRow[];
  look(): Promise<readonly ProcessRow[]>;
  /** SIGTERM; resolves with how it ended. */
  end(): Promise<string>;
}

const restartAfterMs = 100;

export async function superviseService(world: World, say: (line: string) => void): Promise<Service> {
  let child: ChildProcess | undefined;
  let program: Program | undefined;
  let ending = false;
  const killed = new Set<ChildProcess>();
  const failures: string[] = [];
  const startTimesMs: number[] = [];
  const seen = new Map<string, ProcessRow>();
  let starts = 0;

  async function start(): Promise<void> {
    const began = performance.now();
    starts++;
    program = await startProgram({
      file: world.main,
      args: ['--home', world.home, 'start', '--json'],
      environment: world.environment,
      cwd: world.directory,
      onSpawn: (spawned) => {
        child = spawned;
      },
    });
    startTimesMs.push(performance.now() - began);
  }

  async function keepRunning(): Promise<void> {
    while (!ending) {
      const running = program;
      const how = running ? await running.exited : 'before it was ready';
      if (ending) return;
      if (running && !killed.has(running.child)) fail(`${how}: ${running.stderr().trim().slice(-500)}`);
      program = undefined;
      await pause(restartAfterMs);
      if (ending) return;
      await start().catch((error: unknown) => {
        if (child && !killed.has(child)) fail(String(error).slice(0, 500));
      });
    }
  }
  function fail(text: string): void {
    failures.push(text);
    say(`the service ended by itself: ${text}`);
  }

  await start();
  const keeping = keepRunning();

  return {
    failures,
    startTimesMs,
    get starts() {
      return starts;
    },
    get seen() {
      return [...seen.values()];
    },
    pid: () => child?.pid ?? 0,
    isReady: () => program !== undefined,
    kill() {
      if (!child) return;
      killed.add(child);
      child.kill('SIGKILL');
    },
    async freeze(ms) {
      const pid = child?.pid ?? 0;
      signal(pid, 'SIGSTOP');
      await pause(ms);
      signal(pid, 'SIGCONT');
    },
    async look() {
      const rows = below(await processTable(), child?.pid ?? -1);
      for (const row of rows) seen.set(`${row.pid} ${row.startTime}`, row);
      return rows;
    },
    async end() {
      ending = true;
      const running = program;
      const how = running ? await endProgram(running, 30_000) : 'not running';
      await keeping;
      return how;
    },
  };
}
