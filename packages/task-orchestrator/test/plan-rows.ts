/** Rows of a plan as its decisions meet them: each function makes one that is usual, with `over` over it. */
import type { Input, JobEnd, WriteEnd } from 'cyrus-core/domain/effects';
import type { Attempt, CheckoutInfo, Evidence, Plan, PlanMessage, Task, Verdict } from 'cyrus-core/domain/plan';
import type { FallbackExecutor } from '../src/fallback.ts';
import type { AttemptFinished, PlanContext } from '../src/plan-context.ts';

export const noon: number = 1_700_000_000_000;
export const checkout: CheckoutInfo = {
  directory: '/c/t1',
  baseBranch: 'main',
  baseSha: 'base',
  startSha: 'base',
  reused: false,
  detected: { commands: ['npm test'], from: 'package.json' },
  context: null,
  readable: [],
};
export const plan = (over: Partial<Plan> = {}): Plan => ({
  id: 'p1',
  issueId: 'i1',
  number: 1,
  state: 'running',
  procedure: 'builder',
  repositoryId: 'main',
  baseBranch: null,
  branch: 'cyrus/eng-1',
  startSha: null,
  headSha: null,
  pushedSha: null,
  pullRequest: null,
  follows: null,
  routeReason: null,
  options: {},
  parkedReason: null,
  parkedFrom: null,
  parkedUntil: null,
  createdAt: noon - 60_000,
  ...over,
});
export const task = (over: Partial<Task> = {}): Task => ({
  id: 't1',
  planId: 'p1',
  key: 'main',
  procedure: 'builder',
  prompt: '',
  state: 'running',
  attempts: 1,
  notBefore: null,
  learned: null,
  headSha: null,
  checks: null,
  output: null,
  ruledOut: [],
  chain: null,
  ...over,
});
export const attempt = (over: Partial<Attempt> = {}): Attempt => ({
  id: 'a1',
  taskId: 't1',
  planId: 'p1',
  number: 1,
  state: 'running',
  executorId: 'claude',
  conversationId: 'c1',
  messageN: 1,
  steeredN: 0,
  deliveredN: 0,
  checkout,
  headSha: null,
  evidence: null,
  output: null,
  failure: null,
  interruption: null,
  startedAt: noon,
  progressAt: null,
  createdAt: noon,
  ...over,
});
export const work: Evidence = {
  commits: [{ sha: 'head', subject: 's' }],
  files: [{ path: 'a', status: 'M', insertions: 1, deletions: 1 }],
  insertions: 1,
  deletions: 1,
};
export const worked = (over: Partial<Attempt> = {}): Attempt =>
  attempt({ state: 'succeeded', headSha: 'head', evidence: work, output: 'Did it.', ...over });
export const said = (n: number, delivered = false): PlanMessage => ({
  n,
  sessionId: 's1',
  seq: n,
  authorName: 'Ada',
  body: `m${n}`,
  delivered,
  at: n,
  command: false,
});
export const executor = (id: string, over: Partial<FallbackExecutor> = {}): FallbackExecutor => ({
  id,
  kind: 'local',
  included: false,
  condition: { state: 'ready', reason: '', until: null, failure: null },
  ...over,
});
const listener: PlanContext['listeners'][number] = { sessionId: 's1', source: 'linear', workspace: 'w', turnId: 'turn1' };
export const context = (over: Partial<PlanContext> = {}): PlanContext => ({
  plan: plan(),
  issue: { id: 'i1', workspace: 'w', identifier: 'ENG-1', title: 'Broken', description: '', url: 'https://l/ENG-1', details: null },
  task: task(),
  attempts: [attempt()],
  messages: [said(1, true)],
  inputs: [],
  listeners: [listener],
  settings: {
    verifyMode: 'local',
    verifyCommands: null,
    verifyTimeoutMs: 1000,
    ciTimeoutMs: 7_200_000,
    setupCommand: null,
    maxAttempts: 3,
    fallback: { allow: true, preferWaiting: false },
    noPullRequest: null,
    draft: false,
    stateOnStart: undefined,
    stateOnSuccess: undefined,
    stateOnMerge: undefined,
  },
  spent: { cost: 19_500, unpriced: false },
  stopRequested: false,
  stopRequestedBy: null,
  question: null,
  executors: [executor('claude')],
  budgets: [],
  random: () => 0.5,
  ...over,
});
export const input = (kind: string, payload: object): Input => ({ seq: 1, kind, payload: { ...payload } });
export const finished = (over: Partial<AttemptFinished> = {}): Input =>
  input('attempt_finished', { attemptId: 'a1', number: 1, state: 'succeeded', deliveredN: 1, failure: null, interruption: null, ...over });
export const job = (over: Partial<JobEnd>): Input =>
  input('job', { jobId: 'j', kind: 'verify', state: 'done', result: null, failure: null, ...over });
export const write = (over: Partial<WriteEnd>): Input =>
  input('write', { writeId: 'w', key: 'k', kind: 'push', state: 'sent', result: {}, failure: null, ...over });
export const verdict = (exitCode: number): Verdict => ({
  verdict: exitCode === 0 ? 'passed' : 'failed',
  checks: [{ command: 'npm test', exitCode, durationMs: 5, output: 'boom' }],
});
