import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { type Check, checkAll, gapsOf } from './checks.ts';
import { type Watch, watchDatabase } from './database.ts';
import { readEvidence } from './evidence.ts';
import { jsonCall } from './json-call.ts';
import { type Killed, killByPlan, until } from './killer.ts';
import type { SoakOptions } from './options.ts';
import { checkProcesses, endAll } from './orphans.ts';
import { type People, startPeople } from './people.ts';
import { linearTimeScale, type PlannedIssue, planSoak } from './plan.ts';
import { type Service, superviseService } from './service.ts';
import { describeStuck } from './stuck.ts';
import { type Progress, readLeftovers, readProgress } from './tracker.ts';
import { makeWorld, type World } from './world.ts';

interface Recovery {
  readonly kind: string;
  readonly count: number;
  readonly medianMs: number;
  readonly worstMs: number;
}

export interface SoakResult {
  readonly pass: boolean;
  readonly issues: number;
  readonly stopped: number;
  readonly withClaude: number;
  readonly seed: number;
  readonly durationMs: number;
  readonly checks: readonly Check[];
  readonly kills: readonly Killed[];
  readonly recovery: readonly Recovery[];
  readonly restarts: number;
  /** Median, to the ready line. */
  readonly restartMs: number;
  readonly attempts: string;
  readonly turns: number;
  /** What people did, each with how often. */
  readonly actions: Readonly<Record<string, number>>;
  readonly linearCalls: number;
  /** Pieces of work, follow-ups included. */
  readonly tasks: number;
  readonly linearCallsPerIssue: number;
  /** The rows of what did not end in time. */
  readonly stuck: readonly string[];
}

/** Issues under way at the same time. */
const roomFor = 16;

/** Runs one soak from an empty directory to the last process ended. @throws Error when the world cannot be made */
export async function runSoak(options: SoakOptions, say: (line: string) => void, interrupted: AbortSignal): Promise<SoakResult> {
  const world = await makeWorld(linearTimeScale, options.actions !== null);
  let service: Service | undefined;
  let watch: Watch | undefined;
  try {
    service = await superviseService(world, say);
    watch = await watchDatabase(world.home);
    const result = await soak({ options, world, service, watch, say, interrupted });
    return result;
  } finally {
    await watch?.close();
    await endAll(world, service, watch?.layout.data);
    if (options.keep) say(`kept: ${world.directory}${watch ? ` and ${watch.layout.base}` : ''}`);
    else {
      await world.remove();
      if (watch) await rm(watch.layout.base, { recursive: true, force: true });
    }
  }
}

interface Soak {
  readonly options: SoakOptions;
  readonly world: World;
  readonly service: Service;
  readonly watch: Watch;
  readonly say: (line: string) => void;
  readonly interrupted: AbortSignal;
}

async function soak({ options, world, service, watch, say, interrupted }: Soak): Promise<SoakResult> {
  const plan = planSoak(options);
  const over = AbortSignal.any([interrupted, AbortSignal.timeout(options.deadlineMs)]);
  const startedAt = performance.now();
  const startedAtEpoch = Date.now();
  let progress: Progress = { steps: 0, openTurns: 0, finished: 0 };
  let people: People | undefined;
  const ended = new AbortController();
  const nothingToDo = new AbortController();
  const watching = follow(async () => {
    progress = (await readProgress(watch, people?.said ?? new Map())) ?? progress;
    await service.look();
  }, ended.signal);
  const telling = follow(async () => {
    await pause(5_000, undefined, { signal: ended.signal }).catch(() => undefined);
    if (!ended.signal.aborted)
      say(`${people?.assigned.length ?? 0} assigned, ${progress.finished} finished, ${progress.openTurns} turns open`);
  }, ended.signal);

  const kills = { struck: 0 };
  people = startPeople({
    world,
    issues: plan.issues,
    say,
    signal: over,
    room: async (n) => {
      const wanted = killsBefore(n, options);
      const hasRoom = (): boolean => kills.struck >= wanted && (people?.sessions() ?? 0) - progress.finished < roomFor;
      await until(hasRoom, options.deadlineMs, over);
    },
  });
  const killing = killByPlan(plan.kills, {
    service,
    watch,
    startedAt,
    say,
    signal: AbortSignal.any([over, nothingToDo.signal]),
    progress: () => progress,
    struck: () => void kills.struck++,
  });
  // All of them are waited for at the end.
  for (const loop of [killing, watching, telling]) loop.catch(() => undefined);
  const aborted = new Promise<void>((resolve) => over.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([people.done, aborted]);
  await Promise.race([killing, until(() => progress.finished >= options.issues, options.deadlineMs, over)]);
  const done = await until(() => isAtRest(people, watch), options.deadlineMs, over);
  const durationMs = performance.now() - startedAt;
  nothingToDo.abort();
  const killed = await killing;
  // The last kill may have come when all was done.
  const ready = await until(() => service.isReady(), options.deadlineMs, over);
  const atRest = done && ready && (await until(() => isAtRest(people, watch), options.deadlineMs, over));
  say(atRest ? 'at rest' : 'not at rest in time');
  ended.abort();
  await Promise.all([watching, telling]);

  const evidence = await readEvidence(world, watch);
  const asExpected = atRest && !evidence.rows.plans.some((row) => row.state === 'failed');
  const stuck = asExpected ? [] : await describeStuck(watch, people.assigned);
  const calls = await jsonCall<{ total: number }>(`${world.linear}/control/calls`);
  await service.look();
  const end = await service.end();
  const checks = [
    ...(await checkAll({ evidence, assigned: people.assigned, gaps: gapsOf(killed, startedAtEpoch) })),
    {
      name: 'kills',
      expected: String(plan.kills.length),
      found: String(killed.length),
      ok: killed.length === plan.kills.length,
      wrong: [],
    },
    ...(options.actions === null ? [] : [linearCalls(calls.total, evidence.rows.plans.length)]),
    recovered(killed),
    endedWell(service, end),
    await checkProcesses(world, service, watch.layout.data),
  ];
  return {
    pass: atRest && checks.every((check) => check.ok),
    issues: options.issues,
    stopped: people.assigned.filter((issue) => issue.ending !== 'done').length,
    withClaude: plan.issues.filter((issue) => issue.agent === 'claude').length,
    seed: options.seed,
    durationMs: Math.round(durationMs),
    checks,
    kills: killed,
    recovery: byKind(killed),
    restarts: service.starts - 1,
    restartMs: median(service.startTimesMs.slice(1)),
    attempts: evidence.rows.attempts.map((row) => `${row.count} ${row.state}`).join(', '),
    turns: evidence.rows.turns.length,
    actions: byAction(plan.issues),
    linearCalls: calls.total,
    tasks: evidence.rows.plans.length,
    linearCallsPerIssue: Math.round((calls.total / options.issues) * 10) / 10,
    stuck,
  };
}

/** How many kills come before an issue is assigned: so paced, none is left when all the issues are done. */
const killsBefore = (n: number, { issues, kills }: SoakOptions): number =>
  Math.max(0, Math.floor((kills * (n - 8)) / Math.max(8, issues - 4)));

/** Everything said has arrived, nothing is under way, and every checkout is cleaned up. */
async function isAtRest(people: People | undefined, watch: Watch): Promise<boolean> {
  await pause(150);
  const progress = await readProgress(watch, people?.said ?? new Map());
  if (!people || !progress || progress.finished < people.sessions() || progress.openTurns > 0) return false;
  const left = await readLeftovers(watch);
  return left !== undefined && Object.values(left).every((rows) => rows.length === 0);
}

const mostCallsATask = 24;

function linearCalls(total: number, tasks: number): Check {
  const mean = tasks === 0 ? 0 : total / tasks;
  const wrong = mean <= mostCallsATask ? [] : [`${total} calls for ${tasks} tasks`];
  return {
    name: 'Linear calls a task (mean)',
    expected: `at most ${mostCallsATask}`,
    found: mean.toFixed(1),
    ok: wrong.length === 0,
    wrong,
  };
}

function byAction(issues: readonly PlannedIssue[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { action } of issues) if (action) counts[action.kind] = (counts[action.kind] ?? 0) + 1;
  return counts;
}

function recovered(kills: readonly Killed[]): Check {
  const wrong = kills.filter((kill) => kill.recoveryMs === null).map((kill) => `${kill.kind} at ${Math.round(kill.atMs)} ms: no progress`);
  return {
    name: 'kills recovered from',
    expected: String(kills.length),
    found: String(kills.length - wrong.length),
    ok: wrong.length === 0,
    wrong,
  };
}

function endedWell(service: Service, end: string): Check {
  const wrong = [...service.failures, ...(end === '0' ? [] : [`SIGTERM at the end: ${end}`])];
  return { name: 'ends of the service by itself', expected: '0', found: String(wrong.length), ok: wrong.length === 0, wrong };
}

function byKind(kills: readonly Killed[]): Recovery[] {
  return [...new Set(kills.map((kill) => kill.kind))].map((kind) => {
    const ofKind = kills.filter((kill) => kill.kind === kind);
    const times = ofKind.map((kill) => kill.recoveryMs).filter((ms) => typeof ms === 'number');
    return { kind, count: ofKind.length, medianMs: median(times), worstMs: Math.round(Math.max(0, ...times)) };
  });
}

function median(values: readonly number[]): number {
  return Math.round([...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);
}

async function follow(step: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await step();
    await pause(100, undefined, { signal }).catch(() => undefined);
  }
}
