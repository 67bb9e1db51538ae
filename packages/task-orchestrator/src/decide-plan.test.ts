import type { JobEnd } from 'cyrus-core/domain/effects';
import type { Issue } from 'cyrus-core/domain/issue';
import type { FailureChain } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import { describe, expect, test } from 'vitest';
import {
  attempt,
  checkout,
  context,
  executor,
  finished,
  input,
  job,
  noon,
  plan,
  said,
  task,
  verdict,
  work,
  worked,
  write,
} from '../test/plan-rows.ts';
import { decidePlan } from './decide-plan.ts';
import { newChain } from './failure-chain.ts';
import type { PlanContext, PlanDecision } from './plan-context.ts';

const jobs = (decision: PlanDecision): readonly string[] => decision.effects.jobs.map((draft) => draft.kind);
const told = (decision: PlanDecision): readonly string[] => decision.effects.tells.map((tell) => `${tell.entity} ${tell.kind}`);
const answer = (decision: PlanDecision): string => decision.plan.answer?.body ?? '';

test('a new plan makes its task and asks for an executor', () => {
  const message = input('message', { sessionId: 's1', seq: 1, authorName: 'Ada', body: 'please' });
  const decision = decidePlan(
    context({ plan: plan({ state: 'drafting' }), task: null, attempts: [], messages: [], inputs: [message] }),
    noon,
  );
  expect(decision.plan.state).toBe('running');
  expect(decision.task).toMatchObject({ isNew: true, state: 'ready', attempts: 0 });
  expect(decision.newMessages).toMatchObject([{ n: 1, seq: 1, body: 'please' }]);
  expect(told(decision)).toEqual(['dispatcher:main ready']);
});

test('what a job of the attempt waits for is told once', () => {
  const waits = input('job_waiting', { key: 'disk:j1', reason: 'Waiting for disk space.' });
  const decision = decidePlan(context({ task: task({ state: 'assigned' }), inputs: [waits] }), noon);
  expect(decision.effects.writes).toMatchObject([{ key: expect.stringContaining('waiting:disk:j1'), payload: expect.anything() }]);
  expect(JSON.stringify(decision.effects.writes)).toContain('Waiting for disk space.');
});

describe('an attempt given out', () => {
  const created = input('attempt_created', { attemptId: 'a1', number: 1, executorId: 'claude', reason: 'the only executor configured' });

  const triaged = (type: string): Issue => ({
    ...context().issue,
    details: {
      ...({ teamKey: 'ENG', projectName: null, projectId: null, labels: [], assigneeId: null, delegateId: null } as const),
      ...({ hasChildren: false, hasParent: false, comments: [] } as const),
      state: { id: 's0', name: 'S', type, position: 0 },
      teamStates: [
        { id: 'review', name: 'In Review', type: 'started', position: 3 },
        { id: 'progress', name: 'In Progress', type: 'started', position: 2 },
      ],
    },
  });
  const moves = (decision: PlanDecision): unknown =>
    decision.effects.writes.find((write) => write.kind === 'issueState')?.payload['stateId'];
  const begins = (issue: Issue, options = {}): PlanDecision =>
    decidePlan(
      context({ issue, plan: plan({ options }), task: task({ state: 'ready', attempts: 0 }), attempts: [], inputs: [created] }),
      noon,
    );

  test('moves the issue when work really begins; what an automation gave us stays in triage', () => {
    expect(moves(begins(triaged('unstarted')))).toBe('progress');
    expect(moves(begins(triaged('triage')))).toBe('progress');
    expect(moves(begins(triaged('started')))).toBeUndefined();
    expect(moves(begins(triaged('triage'), { automated: true }))).toBeUndefined();
    expect(moves(begins(triaged('backlog'), { automated: true }))).toBe('progress');
  });

  test('is shown with its executor and the reason', () => {
    const decision = decidePlan(context({ task: task({ state: 'ready', attempts: 0 }), inputs: [created] }), noon);
    expect(decision.task).toMatchObject({ state: 'assigned', attempts: 1 });
    expect(JSON.stringify(decision.effects.writes)).toContain('Starting on **claude** (the only executor configured).');
  });
});

describe('a message while the plan is live', () => {
  const message = input('message', { sessionId: 's1', seq: 2, authorName: 'Ada', body: 'also this' });
  test('is passed to the agent at work', () => {
    const decision = decidePlan(context({ inputs: [message] }), noon);
    expect(told(decision)).toEqual(['attempt:a1 steer']);
    expect(JSON.stringify(decision.effects.writes)).toContain('Passing your message');
  });
  test('that tells of an edit of the issue is called that, and is no answer to a question', () => {
    const edit = input('message', { sessionId: 's1', seq: 2, authorName: 'Ada', body: 'Ada edited the issue', signal: 'edited' });
    const decision = decidePlan(context({ inputs: [edit] }), noon);
    expect(told(decision)).toEqual(['attempt:a1 steer']);
    expect(JSON.stringify(decision.effects.writes)).toContain('Passing the edit of the issue to the agent at work.');
    const question = { id: 'q1', kind: 'agent', topic: null, body: 'Which port?', options: null } as const;
    const asked = decidePlan(context({ task: task({ state: 'asking' }), attempts: [worked()], question, inputs: [edit] }), noon);
    expect(asked.task?.state).toBe('asking');
    expect(asked.question).toBeNull();
    expect(asked.newMessages).toMatchObject([{ body: 'Ada edited the issue', delivered: false }]);
  });
  test('is kept, visibly, while the checks run', () => {
    const decision = decidePlan(context({ task: task({ state: 'verifying' }), attempts: [worked()], inputs: [message] }), noon);
    expect(told(decision)).toEqual([]);
    expect(JSON.stringify(decision.effects.writes)).toContain('Your message is kept');
  });
  test('is taken in once, however often it is told', () => {
    const decision = decidePlan(context({ inputs: [message, message] }), noon);
    expect(decision.newMessages).toHaveLength(1);
  });
  test('brings the agent back after the checks', () => {
    const over = { task: task({ state: 'verifying', headSha: 'head' }), attempts: [worked()], messages: [said(1, true), said(2)] };
    const decision = decidePlan(context({ ...over, inputs: [job({ result: { ...verdict(0) } })] }), noon);
    expect(decision.task?.state).toBe('ready');
    expect(told(decision)).toEqual(['dispatcher:main ready']);
  });
});

describe('an attempt that ended', () => {
  const failure = (cls: Failure['class'], more: Partial<Failure> = {}): Failure => ({ class: cls, message: `It was ${cls}.`, ...more });
  test.each<[string, Partial<PlanContext>, { state: string; task: string; jobs: string[]; notBefore?: number | null }]>([
    [
      'with commits goes to the checks',
      { attempts: [worked()], inputs: [finished()] },
      { state: 'running', task: 'verifying', jobs: ['verify'] },
    ],
    [
      'with commits and no check command goes on to the merge',
      { attempts: [worked({ checkout: { ...checkout, detected: null } })], inputs: [finished()] },
      { state: 'running', task: 'merging', jobs: ['merge'] },
    ],
    [
      'without commits is asked again',
      { attempts: [worked({ evidence: { ...work, commits: [] } })], inputs: [finished()] },
      { state: 'running', task: 'ready', jobs: [] },
    ],
    [
      'without commits twice asks a person',
      {
        task: task({ attempts: 2 }),
        attempts: [worked({ evidence: { ...work, commits: [] } }), worked({ id: 'a2', number: 2, evidence: { ...work, commits: [] } })],
        inputs: [finished({ attemptId: 'a2', number: 2 })],
      },
      { state: 'running', task: 'asking', jobs: [] },
    ],
    [
      'with a message it did not read goes again',
      { attempts: [worked()], messages: [said(1), said(2)], inputs: [finished()] },
      { state: 'running', task: 'ready', jobs: [] },
    ],
    [
      'lost in a crash goes again',
      { attempts: [attempt({ state: 'lost' })], inputs: [finished({ state: 'lost' })] },
      { state: 'running', task: 'ready', jobs: [] },
    ],
    [
      'on a network failure waits and goes again',
      {
        attempts: [attempt({ state: 'failed', failure: failure('network') })],
        inputs: [finished({ state: 'failed', failure: failure('network') })],
      },
      { state: 'running', task: 'ready', jobs: [], notBefore: noon + 2600 },
    ],
    [
      'on a rate limit waits as long as told',
      {
        attempts: [attempt({ state: 'failed', failure: failure('rate_limited') })],
        inputs: [finished({ state: 'failed', failure: failure('rate_limited', { retryAt: noon + 99_000 }) })],
      },
      { state: 'running', task: 'ready', jobs: [], notBefore: noon + 99_000 },
    ],
    [
      'on a wrong login waits until it is mended',
      {
        attempts: [attempt({ state: 'failed', failure: failure('auth') })],
        inputs: [finished({ state: 'failed', failure: failure('auth') })],
      },
      { state: 'running', task: 'ready', jobs: [], notBefore: null },
    ],
    [
      'on a request that is refused fails at once',
      {
        attempts: [attempt({ state: 'failed', failure: failure('invalid_request') })],
        inputs: [finished({ state: 'failed', failure: failure('invalid_request') })],
      },
      { state: 'failed', task: 'failed', jobs: ['cleanup'] },
    ],
    [
      'of an older number changes nothing',
      { task: task({ attempts: 2 }), inputs: [finished()] },
      { state: 'running', task: 'running', jobs: [] },
    ],
  ])('%s', (_name, over, expected) => {
    const decision = decidePlan(context(over), noon);
    expect(decision.plan.state).toBe(expected.state);
    expect(decision.task?.state).toBe(expected.task);
    expect(jobs(decision)).toEqual(expected.jobs);
    if (expected.notBefore !== undefined) expect(decision.task?.notBefore).toBe(expected.notBefore);
  });

  test('without a new commit, but with work that was never published, goes to the checks', () => {
    const kept = plan({ startSha: 'kept', headSha: 'kept', follows: 'p0' });
    const nothing = worked({ headSha: 'kept', evidence: { ...work, commits: [] }, checkout: { ...checkout, startSha: 'kept' } });
    expect(jobs(decidePlan(context({ plan: kept, attempts: [nothing], inputs: [finished()] }), noon))).toEqual(['verify']);
    const pushed = plan({ ...kept, pushedSha: 'kept' });
    expect(decidePlan(context({ plan: pushed, attempts: [nothing], inputs: [finished()] }), noon).plan.state).toBe('done');
  });

  test('that began at what people put on top of the branch is published on top of that, in whichever attempt', () => {
    const kept = plan({ startSha: 'ours', headSha: 'ours', pushedSha: 'ours', follows: 'p0' });
    const theirs = { ...checkout, startSha: 'theirs' };
    const failed = attempt({ id: 'a0', number: 1, state: 'failed', headSha: null });
    const second = worked({ number: 2, checkout: theirs });
    const over = { plan: kept, task: task({ state: 'running', attempts: 2 }), inputs: [finished({ number: 2 })] };
    const moved = { headSha: 'theirs', startSha: 'theirs', pushedSha: 'theirs' };
    expect(decidePlan(context({ ...over, attempts: [failed, second] }), noon).plan).toMatchObject(moved);
    const begun = { ...failed, headSha: 'some' };
    expect(decidePlan(context({ ...over, attempts: [begun, second] }), noon).plan).toMatchObject({ headSha: 'ours', pushedSha: 'ours' });
  });

  test('of a scoper is its own result', () => {
    const over = {
      plan: plan({ procedure: 'scoper' }),
      attempts: [attempt({ state: 'succeeded', output: '# Findings' })],
      inputs: [finished()],
    };
    const decision = decidePlan(context(over), noon);
    expect(decision.plan.state).toBe('done');
    expect(answer(decision)).toContain('# Findings');
    expect(decision.effects.writes.map((draft) => draft.kind)).not.toContain('push');
  });
});

describe('the checks', () => {
  const verifying = (over: Partial<PlanContext>): PlanContext =>
    context({ task: task({ state: 'verifying', headSha: 'head' }), attempts: [worked()], ...over });
  test('passed: merge', () => {
    expect(jobs(decidePlan(verifying({ inputs: [job({ result: { ...verdict(0) } })] }), noon))).toEqual(['merge']);
  });
  test('failed: the agent gets the output', () => {
    const decision = decidePlan(verifying({ inputs: [job({ result: { ...verdict(1) } })] }), noon);
    expect(decision.task).toMatchObject({ state: 'ready', learned: expect.stringContaining('boom') });
  });
  const three = [worked(), worked({ id: 'a2', number: 2 }), worked({ id: 'a3', number: 3 })];
  const failedOn = (...shas: readonly string[]): FailureChain => ({
    ...newChain(),
    checks: shas.map((sha) => ({ sha, failing: 'npm test', executorId: 'claude' })),
  });
  test.each<[string, FailureChain | null, string]>([
    ['for the first time: tried again', null, 'ready'],
    ['on new work: tried again', failedOn('older'), 'ready'],
    ['on new work, as often as allowed: a person', failedOn('oldest', 'older'), 'asking'],
    ['on the same work: not tried again', failedOn('head'), 'asking'],
    [
      'another set on the same work: tried again',
      { ...newChain(), checks: [{ sha: 'head', failing: 'npm run lint', executorId: 'claude' }] },
      'ready',
    ],
    [
      'the same set on the same work, but of another executor: tried again',
      { ...newChain(), checks: [{ sha: 'head', failing: 'npm test', executorId: 'codegen' }] },
      'ready',
    ],
  ])('failed %s', (_name, chain, expected) => {
    const over = { task: task({ state: 'verifying', headSha: 'head', chain }), attempts: three };
    expect(decidePlan(verifying({ ...over, inputs: [job({ result: { ...verdict(1) } })] }), noon).task?.state).toBe(expected);
  });
  test('failed too often: the question says what failed and what is kept', () => {
    const over = { task: task({ state: 'verifying', headSha: 'head', chain: failedOn('oldest', 'older') }), attempts: three };
    const decision = decidePlan(verifying({ ...over, inputs: [job({ result: { ...verdict(1) } })] }), noon);
    expect(decision.question).toMatchObject({ do: 'ask', kind: 'policy', topic: 'failed', options: ['Try again', 'Stop here'] });
    expect(decision.question?.do === 'ask' ? decision.question.body : '').toMatch(
      /still fails after 3 attempts[\s\S]*boom[\s\S]*refs\/cyrus\/wip\/a3/,
    );
    expect(decision.effects.tells).toContainEqual(
      expect.objectContaining({
        kind: 'plan_waits',
        payload: expect.objectContaining({ answer: expect.objectContaining({ kind: 'elicitation' }) }),
      }),
    );
  });
  test('failed for one executor as often as it may: the next one gets the output', () => {
    const over = {
      task: task({ state: 'verifying', attempts: 3, headSha: 'head', chain: failedOn('oldest', 'older') }),
      attempts: three,
      executors: [executor('claude'), executor('codegen')],
    };
    const decision = decidePlan(verifying({ ...over, inputs: [job({ result: { ...verdict(1) } })] }), noon);
    expect(decision.task).toMatchObject({
      state: 'ready',
      learned: expect.stringContaining('boom'),
      ruledOut: [{ executorId: 'claude', why: 'Claude did not get the checks to pass', until: null }],
    });
    expect(decision.effects.writes.map((draft) => JSON.stringify(draft.payload)).join()).toContain(
      'Claude did not get the checks to pass. Going on with codegen.',
    );
  });
  test.each<[string, Partial<JobEnd>]>([
    ['its tool is missing', { result: { verdict: 'not_run', reason: 'cargo is not installed on this host', checks: [] } }],
    [
      'the sandbox could not be made',
      { state: 'failed', failure: { class: 'sandbox_lost', message: 'cargo is not installed on this host' } },
    ],
  ])('that cannot run here are no pass: %s', (_name, end) => {
    const decision = decidePlan(verifying({ inputs: [job(end)] }), noon);
    expect(decision.task?.state).toBe('asking');
    expect(decision.question).toMatchObject({
      do: 'ask',
      kind: 'policy',
      body: expect.stringMatching(/cannot be run here: cargo is not installed[\s\S]*verify\.mode "ci"/),
      options: ['Run the checks again', 'Publish without checks', 'Stop here'],
    });
    expect(jobs(decision)).toEqual([]);
  });
  test('left to the pull request are not run here', () => {
    const settings = { ...context().settings, verifyMode: 'ci' as const };
    const decision = decidePlan(context({ attempts: [worked()], inputs: [finished()], settings }), noon);
    expect(jobs(decision)).toEqual(['merge']);
    expect(decision.task?.checks).toMatchObject({ verdict: 'not_run', reason: 'left to those of the pull request' });
  });
  test('lost in a crash: run again', () => {
    expect(jobs(decidePlan(verifying({ inputs: [job({ state: 'lost' })] }), noon))).toEqual(['verify']);
  });
});

describe('publishing', () => {
  const merging = context({
    plan: plan({ startSha: 'base', baseBranch: 'main' }),
    task: task({ state: 'merging', headSha: 'head', checks: verdict(0) }),
    attempts: [worked()],
  });
  const verifying = {
    ...merging,
    plan: plan({ state: 'verifying', headSha: 'head', startSha: 'base', baseBranch: 'main' }),
    task: task({ state: 'done', headSha: 'head', checks: verdict(0), output: 'Did it.' }),
  };
  test('pushes the merged head with the lease of what was last seen', () => {
    const decision = decidePlan({ ...merging, inputs: [job({ kind: 'merge', result: { sha: 'head', fastForward: true } })] }, noon);
    expect(decision.effects.writes.find((draft) => draft.kind === 'push')?.payload).toMatchObject({
      sha: 'head',
      branch: 'cyrus/eng-1',
      lease: null,
    });
    expect(decision.plan.state).toBe('verifying');
  });
  test('opens the pull request once the push is there', () => {
    const decision = decidePlan({ ...verifying, inputs: [write({})] }, noon);
    expect(decision.effects.writes.map((draft) => draft.kind)).toEqual(['pull-request']);
    expect(decision.effects.writes[0]?.payload).toMatchObject({ head: 'cyrus/eng-1', base: 'main', title: 'ENG-1: Broken', marker: 'p1' });
  });
  test('ends with everything a reviewer wants to know', () => {
    const published = { ...verifying, plan: plan({ ...verifying.plan, pushedSha: 'head' }) };
    const decision = decidePlan(
      { ...published, inputs: [write({ kind: 'pull-request', result: { number: 7, url: 'https://g/7' } })] },
      noon,
    );
    expect(decision.plan.state).toBe('done');
    expect(answer(decision)).toMatch(/✅ Did it\.[\s\S]*#7[\s\S]*1 file, \+1 −1[\s\S]*npm test` passed[\s\S]*1m 00s[\s\S]*\$0\.0195/);
    expect(told(decision)).toContain('session:s1 plan_finished');
    expect(jobs(decision)).toEqual(['cleanup']);
  });
  test('a cleanup that was cut off by a crash is wanted again, once for each loss', () => {
    const lost = job({ jobId: 'cleanup-1', kind: 'cleanup', state: 'lost' });
    const killed = job({ kind: 'cleanup', state: 'failed', failure: { class: 'sandbox_lost', message: 'git was killed.' } });
    const ended = { ...verifying, plan: plan({ ...verifying.plan, state: 'done' }) };
    const again = decidePlan({ ...ended, inputs: [lost] }, noon);
    expect(jobs(again)).toEqual(['cleanup']);
    expect(again.effects.jobs[0]?.key).toBe('plan:p1:cleanup:after:cleanup-1');
    expect(jobs(decidePlan({ ...ended, inputs: [killed] }, noon))).toEqual(['cleanup']);
    expect(jobs(decidePlan({ ...ended, inputs: [job({ kind: 'cleanup', state: 'done' })] }, noon))).toEqual([]);
  });
  test('without a code host ends with the pushed branch', () => {
    const decision = decidePlan(
      { ...verifying, settings: { ...verifying.settings, noPullRequest: 'its remote is no code host' }, inputs: [write({})] },
      noon,
    );
    expect(decision.plan.state).toBe('done');
    expect(answer(decision)).toContain('cyrus/eng-1');
  });
  test('ends with the branch when the remote has no code host', () => {
    const published = { ...verifying, plan: plan({ ...verifying.plan, pushedSha: 'head' }) };
    const decision = decidePlan(
      { ...published, inputs: [write({ kind: 'pull-request', result: { none: 'The remote is not on GitHub.' } })] },
      noon,
    );
    expect(decision.plan.state).toBe('done');
    expect(answer(decision)).toContain('**Branch:** `cyrus/eng-1`');
    expect(JSON.stringify(decision.effects.writes)).toContain('The remote is not on GitHub.');
  });
  test('says so when a push has to wait', () => {
    const delayed = input('write_delayed', {
      kind: 'push',
      failure: { class: 'auth', message: 'The token is refused.', fix: 'Renew it.' },
    });
    const decision = decidePlan({ ...verifying, inputs: [delayed] }, noon);
    expect(decision.plan.state).toBe('verifying');
    expect(JSON.stringify(decision.effects.writes)).toContain(
      'cannot be pushed yet: The token is refused. It is tried again by itself. Renew it.',
    );
  });
  test('does not claim to have dealt with a message that came during it', () => {
    const late = { ...verifying, plan: plan({ ...verifying.plan, pushedSha: 'head' }), messages: [said(1, true), said(2)] };
    const decision = decidePlan({ ...late, inputs: [write({ kind: 'pull-request', result: { number: 7, url: 'u' } })] }, noon);
    expect(decision.effects.tells.find((tell) => tell.kind === 'plan_finished')?.payload['through']).toBe(1);
  });
});

describe('a stop', () => {
  const stop = input('stop', { sessionId: 's1', seq: 2, by: 'Ada' });
  test('first ends the attempt', () => {
    const decision = decidePlan(context({ stopRequested: true, inputs: [stop] }), noon);
    expect(decision.plan.state).toBe('running');
    expect(new Set(told(decision))).toEqual(new Set(['attempt:a1 stop']));
  });
  test('is confirmed when the attempt has ended', () => {
    const decision = decidePlan(
      context({ stopRequested: true, attempts: [attempt({ state: 'stopped' })], inputs: [finished({ state: 'stopped' })] }),
      noon,
    );
    expect(decision.plan.state).toBe('stopped');
    expect(answer(decision)).toContain('Stopped');
  });
  test('says who asked for it, although the attempt took a while to end', () => {
    const attempts = [attempt({ state: 'stopped' })];
    const decision = decidePlan(
      context({ stopRequested: true, stopRequestedBy: 'Ada', attempts, inputs: [finished({ state: 'stopped' })] }),
      noon,
    );
    expect(answer(decision)).toContain('Stopped as Ada asked.');
  });
  test.each(['ready', 'verifying', 'merging'] as const)('ends a plan whose task is %s', (state) => {
    const decision = decidePlan(
      context({ stopRequested: true, task: task({ state, headSha: 'head' }), attempts: [worked()], inputs: [stop] }),
      noon,
    );
    expect(decision.plan.state).toBe('stopped');
    expect(decision.task?.state).toBe('stopped');
  });
  test('wins over an attempt that succeeded in the same moment', () => {
    const decision = decidePlan(context({ stopRequested: true, attempts: [worked()], inputs: [stop, finished()] }), noon);
    expect(decision.plan.state).toBe('stopped');
  });
});

test('an ended plan takes in what its cleanup saved, and tells its sessions', () => {
  const saved = job({ kind: 'cleanup', result: { savedSha: 'saved' } });
  const decision = decidePlan(context({ plan: plan({ state: 'stopped' }), task: task({ state: 'stopped' }), inputs: [saved] }), noon);
  expect(decision.plan).toMatchObject({ state: 'stopped', headSha: 'saved' });
  expect(told(decision)).toEqual(['session:s1 saved']);
});

test('an ended plan decides nothing', () => {
  const decision = decidePlan(
    context({ plan: plan({ state: 'done' }), inputs: [finished(), input('message', { sessionId: 's1', seq: 9, body: 'x' })] }),
    noon,
  );
  expect(decision.effects).toEqual({ writes: [], jobs: [], tells: [], wakes: [], events: [] });
});
