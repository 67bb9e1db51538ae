import type { Input, JobEnd, JobKind } from 'cyrus-core/domain/effects';
import type { Attempt, CheckoutInfo, Plan, PlanMessage, Task } from 'cyrus-core/domain/plan';
import type { ExecutorCapabilities } from 'cyrus-executor-interface/executor';
import type { AttemptContext } from '../src/attempt-context.ts';
import { checkout as checkoutRow, noon, plan as planRow, task as taskRow } from './plan-rows.ts';

/** An attempt, with what it decides on. */
export const capabilities: ExecutorCapabilities = {
  ...{ cancel: 'run', followUp: true, steer: true, events: 'poll', webhook: false, cost: 'none', idempotentCreate: false },
  ...{ perRunModel: true, perRunMcp: false, opensPr: true, hardBudget: false, structuredOutput: false, resume: true },
};
export { noon };
export const checkout: CheckoutInfo = { ...checkoutRow, context: 'Use tabs.', readable: ['/repos/main.git/objects'] };
export const plan: Plan = planRow({ createdAt: noon });
const task: Task = taskRow({ state: 'assigned' });
export const attempt = (over: Partial<Attempt> = {}): Attempt => ({
  id: 'a1',
  taskId: 't1',
  planId: 'p1',
  number: 1,
  state: 'reserved',
  executorId: 'claude',
  conversationId: 'c1',
  messageN: 0,
  steeredN: 0,
  deliveredN: 0,
  checkout: null,
  headSha: null,
  evidence: null,
  output: null,
  failure: null,
  interruption: null,
  startedAt: null,
  progressAt: null,
  createdAt: noon,
  ...over,
});
export const said = (n: number): PlanMessage => ({
  n,
  sessionId: 's1',
  seq: n,
  authorName: 'Ada',
  body: `message ${n}`,
  delivered: false,
  at: noon + n,
  command: false,
});
export const context = (over: Partial<AttemptContext> = {}): AttemptContext => ({
  attempt: attempt(),
  task,
  plan,
  issue: { id: 'i1', workspace: 'w', identifier: 'ENG-1', title: 'Broken', description: 'It is.', url: null, details: null },
  earlier: null,
  messages: [said(1)],
  guidance: [],
  conversation: { id: 'c1', started: false, directory: '/conv/c1' },
  agentJob: 'agent-job',
  inputs: [],
  listeners: [{ sessionId: 's1', source: 'linear', workspace: 'w', turnId: 'turn1' }],
  stopRequested: false,
  recentTools: [],
  settings: {
    setup: null,
    verifyCommands: null,
    baseBranch: null,
    model: 'sonnet',
    modelFrom: '[model=sonnet] in the issue',
    fallbackModel: 'haiku',
    instructions: 'Speak plainly.',
    documentationPaths: ['**/*.md', 'docs/**'],
    allowedTools: undefined,
    disallowedTools: [],
    timeoutMs: 1000,
    maxCost: 5_000_000,
    executor: { kind: 'local', capabilities },
    cloud: { lookForMs: 60_000, lateRunMs: 3_600_000, branchWaitMs: 180_000 },
  },
  ...over,
});
export const job = (kind: JobKind, over: Partial<JobEnd> = {}): Input => ({
  seq: 1,
  kind: 'job',
  payload: { jobId: 'j', kind, state: 'done', result: {}, failure: null, ...over },
});
export const starting: Attempt = attempt({ state: 'starting' });
export const running: Attempt = attempt({ state: 'running', checkout, messageN: 1, startedAt: noon });
export const succeeded: Input = job('agent', { result: { result: { state: 'succeeded', output: 'Did it.' }, lastDelivered: 0 } });
