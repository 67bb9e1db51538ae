import type { Instant } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { type EventDraft, noEffects } from 'cyrus-core/domain/effects';
import type { Procedure } from 'cyrus-core/domain/plan';
import { idOf } from 'cyrus-core/ids';
import { type Advance, defineAdvance } from 'cyrus-store/advance';
import type { Tx } from 'cyrus-store/pool';
import { insertAttempt } from 'cyrus-store/queries/attempt-insert';
import { type ConditionRow, loadDispatch, type ReadyTaskRow } from 'cyrus-store/queries/dispatch-load';
import { applyEffects } from 'cyrus-store/queries/effects-apply';
import { beginTrial } from 'cyrus-store/queries/executor-condition';
import { takeInputs } from 'cyrus-store/queries/input-take';
import { type PastRunsRow, pastRuns } from 'cyrus-store/queries/past-runs';
import { type DispatchRepository, decideDispatch, type ReadyTask } from 'cyrus-task-orchestrator/decide-dispatch';
import { tellWaiting } from 'cyrus-task-orchestrator/queue-words';
import { policyOf } from 'cyrus-task-orchestrator/strategy';
import { type TaskAnalysis, unknownTask } from 'cyrus-task-orchestrator/task-analysis';
import { billingOf, costPerRun, createBudgetRules } from '../money/budget-rules.ts';
import { dispatchMoney } from '../money/dispatch-money.ts';
import type { Unreachable } from '../reachable.ts';
import { type ChoosableExecutor, executorFacts } from './executor-facts.ts';

/** Memory that one local agent is counted with: a Claude Code process and the commands it runs. */
export const memoryPerAttemptMb: number = 400;

/** How old the sums may be that estimates are made of. */
const pastRunsMs = 60_000;

export interface DispatcherOptions {
  readonly config: () => Config;
  /** In the order of the configuration. */
  readonly executors: () => readonly ChoosableExecutor[];
  readonly unreachable: Unreachable;
}

/** Gives ready tasks their next attempts: attempt, reservation, decision and wake-up in one transaction. */
export function advanceDispatcher(options: DispatcherOptions): Advance {
  const past = remembered(pastRuns, pastRunsMs);
  const rules = createBudgetRules(options.config);
  return defineAdvance('dispatcher', async (tx, _id, now) => {
    const loaded = await loadDispatch(tx);
    await takeInputs(tx, 'dispatcher:main');
    const config = options.config();
    const ready = loaded.ready.map(readyTask);
    const runs = ready.length === 0 ? [] : await past(tx, now);
    const decision = decideDispatch(
      {
        ready,
        executors: executorFacts(config, options.executors(), loaded, now),
        policy: policyOf(config),
        repository: repositoryFacts(options, loaded.runs, runs),
        hostIsolated: loaded.hosts.every((host) => host.isolation !== 'none'),
        slots: { total: loaded.hosts.reduce((sum, host) => sum + host.slots, 0), used: loaded.slotsUsed },
        memoryMb: { total: loaded.hosts.reduce((sum, host) => sum + host.memoryMb, 0), used: loaded.memoryUsedMb },
        memoryPerAttemptMb,
        money: await dispatchMoney(tx, rules, config, ready, options.executors()),
        draining: loaded.draining,
      },
      now,
    );
    const effects = noEffects();
    for (const { task, ...assignment } of decision.assignments) {
      const { executorId, reason } = assignment;
      const attemptId = idOf(`attempt:${task.taskId}:${task.number}`);
      const conversationId = idOf(`conversation:${task.issueId}:${task.repositoryId}:${executorId}`);
      await insertAttempt(tx, {
        ...task,
        ...assignment,
        id: attemptId,
        conversationId,
        billing: billingOf(config, executorId),
        costPerRun: costPerRun(config, executorId),
      });
      if (assignment.trial) await beginTrial(tx, executorId, attemptId);
      effects.tells.push({
        entity: `plan:${task.planId}`,
        kind: 'attempt_created',
        payload: { attemptId, number: task.number, executorId, reason },
      });
      effects.tells.push({ entity: `attempt:${attemptId}`, kind: 'begin', payload: {} });
    }
    for (const { task, key, reason, until, ahead } of decision.waiting) {
      if (until !== null) effects.wakes.push({ entity: 'dispatcher:main', at: until });
      if (!key) continue;
      const numbered = `${key}:${task.number}`;
      const tell = tellWaiting(task.told, { key: numbered, ahead }, now);
      if (!tell.tell) {
        if (tell.at !== null) effects.wakes.push({ entity: 'dispatcher:main', at: tell.at });
        continue;
      }
      const event: EventDraft = {
        type: 'task.waiting',
        planId: task.planId,
        taskId: task.taskId,
        payload: { key: numbered, ahead, reason },
      };
      effects.events.push(event);
      const payload = { key: numbered, at: now, reason, ...whyWaiting(key, loaded.conditions, task.ruledOut) };
      effects.tells.push({ entity: `plan:${task.planId}`, kind: 'waiting', payload });
    }
    await applyEffects(tx, effects);
  });
}

/** What a plan has to know of its waiting besides the words: an executor that a person has to mend, or that nobody is left. */
function whyWaiting(key: string, conditions: readonly ConditionRow[], ruledOut: readonly unknown[]): Readonly<Record<string, unknown>> {
  if (key === 'no-fit' && ruledOut.length > 0) return { exhausted: true };
  const parked = conditions.find((row) => key === `parked:${row.executorId}`);
  return parked?.failure ? { failure: parked.failure } : {};
}

function readyTask(row: ReadyTaskRow): ReadyTask {
  const { analysis, procedure, ...task } = row;
  return { ...task, analysis: (analysis as TaskAnalysis | null) ?? unknownTask(procedure as Procedure) };
}

/** What is known of repositories, each looked up once a decision. */
function repositoryFacts(
  { config, unreachable }: DispatcherOptions,
  runs: readonly { readonly repositoryId: string; readonly count: number }[],
  past: readonly PastRunsRow[],
): (id: string) => DispatchRepository {
  const known = new Map<string, DispatchRepository>();
  return (id) => {
    const found = known.get(id);
    if (found) return found;
    const settings = config().repositories.find((repository) => repository.id === id);
    const facts: DispatchRepository = {
      defaultExecutor: settings?.executor ?? config().executor,
      ownExecutor: settings?.executor !== undefined,
      unreachable: unreachable(id),
      mcpServers: settings?.mcpConfigPath !== undefined,
      past: past.filter((row) => row.repositoryId === id),
      runs: {
        used: runs.filter((run) => run.repositoryId === id).reduce((sum, run) => sum + run.count, 0),
        cap: settings?.maxParallelTasks ?? null,
      },
    };
    known.set(id, facts);
    return facts;
  };
}

/** Sums that are read anew when they are older than `ms`; the decision that was made with them stores its estimates. */
function remembered<T>(read: (tx: Tx) => Promise<T>, ms: number): (tx: Tx, now: Instant) => Promise<T> {
  let kept: { readonly at: Instant; readonly value: T } | undefined;
  return async (tx, now) => {
    if (!kept || now - kept.at >= ms || now < kept.at) kept = { at: now, value: await read(tx) };
    return kept.value;
  };
}
