import type { Instant } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { Procedure } from 'cyrus-core/domain/plan';
import type { Tx } from 'cyrus-store/pool';
import { type LoadedDispatch, loadDispatch, type ReadyTaskRow } from 'cyrus-store/queries/dispatch-load';
import { type PastRunsRow, pastRuns } from 'cyrus-store/queries/past-runs';
import type { DispatchRepository, DispatchState, ReadyTask } from 'cyrus-task-orchestrator/decide-dispatch';
import { policyOf } from 'cyrus-task-orchestrator/strategy';
import { type TaskAnalysis, unknownTask } from 'cyrus-task-orchestrator/task-analysis';
import { createBudgetRules } from '../money/budget-rules.ts';
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

/** What one decision goes by; the budgets are locked with it. */
interface ReadDispatch {
  readonly state: DispatchState;
  readonly conditions: LoadedDispatch['conditions'];
}

/** Reads what decisions are made of, with the dispatcher and the budgets locked until the transaction ends. */
export function createDispatchReader(options: DispatcherOptions): (tx: Tx, now: Instant) => Promise<ReadDispatch> {
  const past = remembered(pastRuns, pastRunsMs);
  const rules = createBudgetRules(options.config);
  return async (tx, now) => {
    const loaded = await loadDispatch(tx);
    const config = options.config();
    const ready = readyTasks(loaded.ready);
    const runs = ready.length === 0 ? [] : await past(tx, now);
    const state: DispatchState = {
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
    };
    return { state, conditions: loaded.conditions };
  };
}

function readyTasks(rows: readonly ReadyTaskRow[]): readonly ReadyTask[] {
  // Thousands of tasks, a few repositories: as one text each, these are told apart without being read.
  const ids = new Map<string, string>();
  return rows.map(({ analysis, procedure, repositoryId, ...task }) => {
    const id = ids.get(repositoryId) ?? repositoryId;
    ids.set(id, id);
    return { ...task, repositoryId: id, analysis: (analysis as TaskAnalysis | null) ?? unknownTask(procedure as Procedure) };
  });
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
