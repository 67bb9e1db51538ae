import type { ExecutorCapabilities } from 'cyrus-executor-interface/executor';
import type { ChoiceTask, ChoiceWorld } from '../../src/choose-executor.ts';
import type { DispatchRepository, DispatchState, ReadyTask } from '../../src/decide-dispatch.ts';
import type { DispatchMoney } from '../../src/dispatch-money.ts';
import type { ExecutorFacts } from '../../src/executor-facts.ts';
import { policyOf } from '../../src/strategy.ts';
import { type TaskAnalysis, unknownTask } from '../../src/task-analysis.ts';

export const noon: number = Date.UTC(2026, 0, 15, 12);

const capabilities: ExecutorCapabilities = {
  cancel: 'run',
  followUp: true,
  steer: true,
  events: 'stream',
  webhook: false,
  cost: 'money',
  idempotentCreate: true,
  perRunModel: true,
  perRunMcp: true,
  opensPr: false,
  hardBudget: false,
  structuredOutput: false,
  resume: true,
};

type FactsOver = Partial<Omit<ExecutorFacts, 'capabilities'>> & { readonly capabilities?: Partial<ExecutorCapabilities> };

const facts = (id: string, kind: 'local' | 'cloud', over: FactsOver): ExecutorFacts => ({
  id,
  kind,
  condition: { state: 'ready', reason: '', until: null, failure: null },
  runs: { used: 0, cap: null },
  costPerRun: null,
  included: false,
  ...over,
  capabilities: { ...capabilities, ...over.capabilities },
});

export const local = (id: string, over: FactsOver = {}): ExecutorFacts => facts(id, 'local', over);
export const cloud = (id: string, over: FactsOver = {}): ExecutorFacts => facts(id, 'cloud', over);

export const resting = (until: number | null): ExecutorFacts['condition'] => ({
  state: 'resting',
  reason: 'it answers 503',
  until,
  failure: null,
});

export const work = (over: Partial<TaskAnalysis> = {}): TaskAnalysis => ({ ...unknownTask('builder'), ...over });

export const task = (over: Partial<ChoiceTask> = {}): ChoiceTask => ({
  analysis: work(),
  repositoryId: 'main',
  agent: null,
  model: null,
  ruledOut: [],
  continuesOn: null,
  ...over,
});

export const ready = (id: number, over: Partial<ReadyTask> = {}): ReadyTask => ({
  ...task(),
  taskId: `t${id}`,
  planId: `p${id}`,
  issueId: `i${id}`,
  number: 1,
  readySince: noon + id,
  notBefore: null,
  told: null,
  ...over,
});

export const repository = (over: Partial<DispatchRepository> = {}): DispatchRepository => ({
  defaultExecutor: 'claude',
  ownExecutor: false,
  unreachable: null,
  mcpServers: false,
  past: [],
  runs: { used: 0, cap: null },
  ...over,
});

export const policy = (
  strategy: Parameters<typeof policyOf>[0]['strategy'] = 'local-only',
  orchestrationStrategy?: Parameters<typeof policyOf>[0]['orchestrationStrategy'],
  options: Partial<Parameters<typeof policyOf>[0]['strategyOptions']> = {},
): ReturnType<typeof policyOf> =>
  policyOf({
    strategy,
    strategyOptions: { minReturn: 1, valuePerHourUsd: 10, ...options },
    ...(orchestrationStrategy ? { orchestrationStrategy } : {}),
  });

/** A day of $50 and tasks of $5; `spent`: of tasks, by their id. */
export const money = (
  over: { spent?: number; held?: number; day?: number | null; task?: number | null; tasks?: Readonly<Record<string, number>> } = {},
): DispatchMoney => {
  const { spent = 0, held = 0, day = 50_000_000, task = 5_000_000, tasks = {} } = over;
  return {
    states: ({ taskId }) => [
      { scope: 'day', key: 'today', limit: day, spent, held, endsAt: noon + 1000 },
      { scope: 'task', key: taskId, limit: task, spent: tasks[taskId] ?? 0, held: 0, endsAt: null },
    ],
    untouched: ({ taskId }) => tasks[taskId] === undefined,
    billing: () => 'list',
    metered: () => false,
  };
};

export const state = (over: Partial<DispatchState> = {}): DispatchState => ({
  ready: [ready(1)],
  executors: [local('claude'), local('custom')],
  policy: policy(),
  repository: () => repository(),
  hostIsolated: true,
  slots: { total: 2, used: 0 },
  memoryMb: { total: 4000, used: 0 },
  memoryPerAttemptMb: 400,
  money: money(),
  draining: false,
  ...over,
});

/** What a choice goes by: this machine and a cloud, both free, and money for either. */
export const world = (over: Partial<ChoiceWorld> = {}): ChoiceWorld => ({
  now: noon,
  executors: [local('claude'), cloud('codegen')],
  policy: policy(),
  repository: repository(),
  hostIsolated: true,
  room: () => ({ free: true }),
  money: () => ({ affordable: true, cost: 1_000_000 }),
  ...over,
});
