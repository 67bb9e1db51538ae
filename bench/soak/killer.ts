import { setTimeout as pause } from 'node:timers/promises';
import type { Watch } from './database.ts';
import type { PlannedKill } from './plan.ts';
import { below, isAgent, isHostGit, type ProcessRow, processTable, signal } from './processes.ts';
import type { Service } from './service.ts';
import { type Progress, readSteps } from './tracker.ts';

/** A kill that happened. */
export interface Killed {
  readonly kind: PlannedKill['kind'];
  /** When, in milliseconds since the start. */
  readonly atMs: number;
  /** From the kill, or the end of the freeze, to the next event or write; `idle`: nothing was left to do; null: there was none within a minute. */
  readonly recoveryMs: number | 'idle' | null;
  readonly victim: string;
}

export interface KillerOptions {
  readonly service: Service;
  readonly watch: Watch;
  readonly progress: () => Progress;
  readonly startedAt: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** Called at every kill. */
  readonly struck: () => void;
}

const victimPatienceMs = 8_000;
const idleMs = 2_000;
const inFlightMs = 50;
const recoveryPatienceMs = 60_000;

/** Does the planned kills, one after the other, while there is work; where there is no such victim, the service is it. Resolves when there are none left or `signal` aborts. */
export async function killByPlan(kills: readonly PlannedKill[], options: KillerOptions): Promise<Killed[]> {
  const done: Killed[] = [];
  for (const kill of kills) {
    const mayBegin = await until(() => options.progress().finished >= kill.afterFinished, Number.POSITIVE_INFINITY, options.signal);
    await pause(kill.delayMs);
    // Nobody may be at work because people wait for this very kill.
    if (!mayBegin || !(await until(() => options.service.isReady(), 120_000, options.signal))) break;
    await until(() => options.progress().openTurns > 0, idleMs, options.signal);
    await options.service.look();
    const atMs = performance.now() - options.startedAt;
    let struck: PlannedKill['kind'] = kill.kind;
    let victim = await strike(kill, options);
    if (victim === undefined) {
      struck = 'service';
      victim = (await strike({ ...kill, kind: struck }, options)) ?? '';
    }
    const from = performance.now();
    options.struck();
    // What was in flight lands in the first moments; after them only something that works again can go on.
    if (!struck.startsWith('freeze')) await pause(inFlightMs);
    let before: number | undefined;
    await until(async () => {
      before = await readSteps(options.watch);
      return before !== undefined;
    }, recoveryPatienceMs);
    const recovered = await until(async () => ((await readSteps(options.watch)) ?? 0) > (before ?? 0), recoveryPatienceMs, options.signal);
    const idle = options.signal.aborted || options.progress().openTurns === 0;
    const recoveryMs = recovered ? performance.now() - from : idle ? 'idle' : null;
    done.push({ kind: struck, atMs, recoveryMs, victim });
    options.say(
      `${struck} (${victim}): on again after ${typeof recoveryMs === 'number' ? `${Math.round(recoveryMs)} ms` : (recoveryMs ?? 'never')}`,
    );
  }
  return done;
}

/** Kills or freezes; resolves, once a freeze is over, with what it was. Undefined: there was nothing to kill. */
async function strike(kill: PlannedKill, { service, watch }: KillerOptions): Promise<string | undefined> {
  switch (kill.kind) {
    case 'service':
      service.kill();
      return 'service';
    case 'service twice': {
      const { starts } = service;
      service.kill();
      await until(() => service.starts > starts, victimPatienceMs);
      await pause(kill.lastsMs / 3);
      service.kill();
      return `service, and again after ${Math.round(kill.lastsMs / 3)} ms`;
    }
    case 'everything': {
      const postmaster = await watch.postmaster();
      const agents = await agentsOf(service);
      service.kill();
      for (const pid of [postmaster, ...agents.map((row) => row.pid)]) if (pid !== undefined) signal(pid, 'SIGKILL');
      return `service, postmaster and ${agents.length} processes of agents`;
    }
    case 'freeze service':
      await service.freeze(kill.lastsMs);
      return `service, ${kill.lastsMs} ms`;
    default: {
      const victim = await findVictim(kill, service, watch);
      if (!victim) return undefined;
      const name = `${victim.pid} ${victim.command.slice(0, 60)}`;
      if (!kill.kind.startsWith('freeze')) return signal(victim.pid, 'SIGKILL') ? name : undefined;
      signal(victim.pid, 'SIGSTOP');
      await pause(kill.lastsMs);
      signal(victim.pid, 'SIGCONT');
      return `${name}, ${kill.lastsMs} ms`;
    }
  }
}

async function findVictim(kill: PlannedKill, service: Service, watch: Watch): Promise<ProcessRow | undefined> {
  let rows: readonly ProcessRow[] = [];
  await until(async () => {
    const postmaster = await watch.postmaster();
    if (kill.kind.endsWith('agent')) rows = await agentsOf(service);
    else if (kill.kind === 'git') rows = (await service.look()).filter(isHostGit);
    else {
      const table = await processTable();
      rows = kill.kind.endsWith('postmaster')
        ? table.filter((row) => row.pid === postmaster)
        : below(table, postmaster ?? -1).filter((row) => row.command.includes('[local]'));
    }
    return rows.length > 0;
  }, victimPatienceMs);
  return rows[Math.floor(kill.victim * rows.length)];
}

const agentsOf = async (service: Service): Promise<ProcessRow[]> => (await service.look()).filter(isAgent);

/** Polls; false when it did not come true in time. */
export async function until(condition: () => boolean | Promise<boolean>, ms: number, signal?: AbortSignal): Promise<boolean> {
  const end = performance.now() + ms;
  while (!(await condition())) {
    if (signal?.aborted || performance.now() > end) return false;
    await pause(20);
  }
  return true;
}
