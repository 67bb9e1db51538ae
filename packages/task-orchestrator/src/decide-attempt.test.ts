import type { Input } from 'cyrus-core/domain/effects';
import type { Failure } from 'cyrus-core/failure';
import { describe, expect, test } from 'vitest';
import { attempt, checkout, context, job, noon, plan, running, said, starting, succeeded } from '../test/attempt-rows.ts';
import type { AttemptContext, AttemptDecision } from './attempt-context.ts';
import { progressIntervalMs } from './attempt-progress.ts';
import { decideAttempt } from './decide-attempt.ts';

const jobs = (decision: AttemptDecision): readonly string[] => decision.effects.jobs.map((draft) => draft.kind);
const told = (decision: AttemptDecision): readonly string[] => decision.effects.tells.map((tell) => `${tell.entity} ${tell.kind}`);
const failure: Failure = { class: 'auth', message: 'The key is wrong.' };

describe('on the way', () => {
  test.each<[string, Partial<AttemptContext>, { state: string; jobs: string[] }]>([
    ['begins with its checkout', {}, { state: 'starting', jobs: ['prepare'] }],
    [
      'starts the agent once the checkout is there',
      { attempt: starting, inputs: [job('prepare', { result: { ...checkout } })] },
      { state: 'starting', jobs: ['agent'] },
    ],
    [
      'sets up a new checkout first',
      {
        attempt: starting,
        inputs: [job('prepare', { result: { ...checkout } })],
        settings: { ...context().settings, setup: { command: 'npm ci', timeoutMs: 9 } },
      },
      { state: 'starting', jobs: ['setup'] },
    ],
    [
      'does not set up a checkout twice',
      {
        attempt: starting,
        inputs: [job('prepare', { result: { ...checkout, reused: true } })],
        settings: { ...context().settings, setup: { command: 'npm ci', timeoutMs: 9 } },
      },
      { state: 'starting', jobs: ['agent'] },
    ],
    [
      'fails with the output of a setup that failed',
      { attempt: attempt({ state: 'starting', checkout }), inputs: [job('setup', { result: { exitCode: 3, output: 'no such package' } })] },
      { state: 'failed', jobs: [] },
    ],
    [
      'runs once the agent has started',
      { attempt: starting, inputs: [{ seq: 1, kind: 'job_started', payload: { runRef: { runId: 'r' } } }] },
      { state: 'running', jobs: [] },
    ],
    ['collects what the agent did', { attempt: running, inputs: [succeeded] }, { state: 'collecting', jobs: ['collect'] }],
    [
      'collects what a failed agent did, too',
      { attempt: running, inputs: [job('agent', { result: { result: { state: 'failed', output: '', failure } } })] },
      { state: 'collecting', jobs: ['collect'] },
    ],
    [
      'fails at once when the agent could not start',
      { attempt: attempt({ state: 'starting', checkout }), inputs: [job('agent', { state: 'failed', failure })] },
      { state: 'failed', jobs: [] },
    ],
    ['is lost with its agent', { attempt: running, inputs: [job('agent', { state: 'lost' })] }, { state: 'lost', jobs: [] }],
    [
      'succeeds with what was collected',
      { attempt: attempt({ state: 'collecting' }), inputs: [job('collect', { result: { headSha: 'head' } })] },
      { state: 'succeeded', jobs: [] },
    ],
    [
      'keeps its failure through the collection',
      { attempt: attempt({ state: 'collecting', failure }), inputs: [job('collect', { result: { headSha: 'head' } })] },
      { state: 'failed', jobs: [] },
    ],
  ])('%s', (_name, over, expected) => {
    const decision = decideAttempt(context(over), noon);
    expect(decision.state).toBe(expected.state);
    expect(jobs(decision)).toEqual(expected.jobs);
    expect(decision.ended).toBe(['failed', 'succeeded', 'lost'].includes(expected.state));
    if (decision.ended) expect(told(decision)).toEqual(['plan:p1 attempt_finished', 'dispatcher:main ended']);
  });
});

test('messages are read in the order in which they were said, however they arrived', () => {
  const late = { ...said(1), body: 'said second', at: noon + 2 };
  const early = { ...said(2), body: 'said first', at: noon + 1 };
  const decision = decideAttempt(
    context({ attempt: starting, messages: [late, early], inputs: [job('prepare', { result: { ...checkout } })] }),
    noon,
  );
  const prompt = JSON.stringify(decision.effects.jobs[0]?.payload);
  expect(prompt.indexOf('said first')).toBeGreaterThan(0);
  expect(prompt.indexOf('said first')).toBeLessThan(prompt.indexOf('said second'));
});

test('the request holds the task, the rules, the checks and the marked notes of the repository', () => {
  const decision = decideAttempt(context({ attempt: starting, inputs: [job('prepare', { result: { ...checkout } })] }), noon);
  const request = decision.effects.jobs[0]?.payload['request'] as { prompt: string; systemContext: string; conversation: object };
  expect(request.prompt).toMatch(/^<issue id="ENG-1">\nBroken\n\nIt is\.[\s\S]*<message from="Ada">\nmessage 1/);
  expect(request.systemContext).toMatch(/Rules:[\s\S]*npm test[\s\S]*Speak plainly\.[\s\S]*Use tabs\./);
  expect(request.conversation).toEqual({ id: 'c1', resume: false, directory: '/conv/c1' });
  expect(request).toMatchObject({
    workingDirectory: '/c/t1',
    readable: checkout.readable,
    model: 'sonnet',
    fallbackModel: 'haiku',
    maxCost: 5_000_000,
  });
  expect(decision.messageN).toBe(1);
});

test('a template of the repository replaces the built-in one', () => {
  const template = { text: 'Be brief with {{issue.identifier}}.', from: '.cyrus/prompts/builder.md at abc' };
  const decision = decideAttempt(context({ attempt: starting, inputs: [job('prepare', { result: { ...checkout, template } })] }), noon);
  const request = decision.effects.jobs[0]?.payload['request'] as { prompt: string; systemContext: string };
  expect(request.prompt).toMatch(/^Be brief with ENG-1\./);
  expect(request.systemContext).toMatch(/^Rules:/);
});

test('a model that the API does not know is told with the place that names it', () => {
  const failure = { class: 'invalid_request' as const, message: 'The model API rejected the request (404): model: sonnet' };
  const result = { state: 'failed', output: '', failure };
  const decision = decideAttempt(context({ attempt: running, inputs: [job('agent', { result: { result } })] }), noon);
  expect(decision.failure?.message).toMatch(/^The model sonnet, named by \[model=sonnet\] in the issue, cannot be used\./);
  expect(decision.failure?.fix).toMatch(/^Correct \[model=sonnet\] in the issue/);
  const other = { ...result, failure: { ...failure, message: 'bad request' } };
  expect(decideAttempt(context({ attempt: running, inputs: [job('agent', { result: { result: other } })] }), noon).failure?.message).toBe(
    'bad request',
  );
});

describe('a documentation task', () => {
  const file = (path: string) => ({ path, status: 'M', insertions: 1, deletions: 0 });
  const collected = (paths: string[]) =>
    decideAttempt(
      context({
        task: { ...context({}).task, procedure: 'documentation' },
        attempt: { ...running, state: 'collecting' },
        inputs: [
          job('collect', { result: { headSha: 'h', evidence: { commits: [], files: paths.map(file), insertions: 1, deletions: 0 } } }),
        ],
      }),
      noon,
    );
  test('that changed documentation has succeeded', () => expect(collected(['README.md', 'docs/x.svg']).state).toBe('succeeded'));
  test('that changed something else has not, and is told what', () => {
    const decision = collected(['README.md', 'src/a.ts']);
    expect(decision.state).toBe('failed');
    expect(decision.failure).toMatchObject({ class: 'agent_failed', message: expect.stringContaining('also changed src/a.ts') });
  });
});

describe('a message for a running agent', () => {
  const steer: Input = { seq: 1, kind: 'steer', payload: { n: 2 } };
  test('is handed to its job once', () => {
    const given = context({ attempt: running, messages: [said(1), said(2)], inputs: [steer, steer] });
    const decision = decideAttempt(given, noon);
    expect(decision.jobMessages).toEqual([{ jobId: 'agent-job', n: 2, body: '<message from="Ada">\nmessage 2\n</message>' }]);
    expect(decision.steeredN).toBe(2);
  });
  test('that was in the prompt already is not handed again', () => {
    const decision = decideAttempt(
      context({ attempt: attempt({ ...running, messageN: 2 }), messages: [said(1), said(2)], inputs: [steer] }),
      noon,
    );
    expect(decision.jobMessages).toEqual([]);
  });
  test('counts as read only when the agent said so', () => {
    const over = { attempt: attempt({ ...running, steeredN: 2 }), messages: [said(1), said(2)] };
    expect(decideAttempt(context({ ...over, inputs: [succeeded] }), noon).deliveredN).toBe(1);
    expect(decideAttempt(context({ ...over, inputs: [{ seq: 1, kind: 'delivered', payload: { n: 2 } }] }), noon).deliveredN).toBe(2);
  });
});

describe('a stop', () => {
  const stop: Input = { seq: 1, kind: 'stop', payload: {} };
  test.each<[string, Partial<AttemptContext>, string]>([
    ['ends an attempt that has not begun', { inputs: [stop] }, 'stopped'],
    ['waits for the running job to be gone', { attempt: running, inputs: [stop] }, 'running'],
    ['ends with the killed job', { attempt: running, inputs: [job('agent', { state: 'killed' })] }, 'stopped'],
    ['wins over a finish in the same batch', { attempt: running, inputs: [stop, succeeded] }, 'stopped'],
    ['ends an attempt whose plan has ended', { plan: { ...plan, state: 'stopped' } }, 'stopped'],
  ])('%s', (_name, over, expected) => {
    expect(decideAttempt(context(over), noon).state).toBe(expected);
  });
});

describe('progress', () => {
  const tools = [
    { tool: 'Reading', about: 'src/a.ts' },
    { tool: 'Running', about: 'npm test' },
  ];
  test('is told coalesced, when its time has come', () => {
    const given = context({ attempt: attempt({ ...running, progressAt: noon }), recentTools: tools });
    expect(decideAttempt(given, noon + 4_999).effects.writes).toEqual([]);
    const [write] = decideAttempt(given, noon + 5_000).effects.writes;
    expect(write?.payload['content']).toEqual({ type: 'action', action: 'Running', parameter: 'npm test (and 1 more step)' });
  });
  test('gets rarer: an hour of work costs fewer than twenty-four calls', () => {
    let calls = 0;
    for (let at = 0; at < 3_600_000; at += progressIntervalMs(at)) calls += 1;
    expect(calls).toBeLessThan(24);
  });
});

test('an ended attempt decides nothing', () => {
  const decision = decideAttempt(context({ attempt: attempt({ state: 'lost' }), inputs: [succeeded] }), noon);
  expect(decision.effects).toEqual({ writes: [], jobs: [], tells: [], wakes: [], events: [] });
  expect(decision.ended).toBe(false);
});
