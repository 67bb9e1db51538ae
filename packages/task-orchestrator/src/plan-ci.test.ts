import { describe, expect, test } from 'vitest';
import { context, input, job, noon, plan, said, task, verdict, worked, write } from '../test/plan-rows.ts';
import { decidePlan } from './decide-plan.ts';
import type { PlanContext, PlanDecision, PlanSettings } from './plan-context.ts';

const pullRequest = { number: 7, url: 'https://g/acme/app/pull/7' };

/** Published, with the checks of the pull request under way. */
function waiting(settings: Partial<PlanSettings> = {}, checks = notRun): PlanContext {
  const base = context();
  return {
    ...base,
    settings: { ...base.settings, verifyMode: 'ci', ...settings },
    plan: plan({
      ...{ state: 'verifying', headSha: 'head', startSha: 'base', pushedSha: 'head', baseBranch: 'main' },
      pullRequest: { ...pullRequest, checksOf: 'head' },
    }),
    task: task({ state: 'merging', headSha: 'head', checks, output: 'Did it.' }),
    attempts: [worked()],
  };
}
const notRun: ReturnType<typeof verdict> = { verdict: 'not_run', reason: 'left to those of the pull request', checks: [] };
const decide = (at: PlanContext, ...inputs: PlanContext['inputs']): PlanDecision => decidePlan({ ...at, inputs }, noon);
const ended = (result: object) =>
  write({ kind: 'pull-request-checks', result: { sha: 'head', checks: [], waitedMs: 60_000, draft: false, ...result } });
const bodyOf = (decision: PlanDecision): string => decision.plan.answer?.body ?? '';
const kinds = (decision: PlanDecision): readonly string[] => decision.effects.writes.map(({ kind }) => kind);

test.each(['ci', 'both'] as const)('with %s the plan is not done with its pull request: it waits for the checks', (verifyMode) => {
  const base = waiting({ verifyMode });
  const running = { ...base, plan: plan({ ...base.plan, state: 'running', pullRequest: null, pushedSha: null }) };
  const merged = decide(running, job({ kind: 'merge', result: { sha: 'head' } }));
  expect([merged.plan.state, merged.task?.state]).toEqual(['verifying', 'merging']);
  const pushed = { ...base, plan: plan({ ...base.plan, pullRequest: null }) };
  const opened = decide(pushed, write({ kind: 'pull-request', result: { ...pullRequest, draft: true } }));
  expect([opened.plan.state, opened.plan.answer]).toEqual(['verifying', null]);
  expect(opened.plan.pullRequest).toEqual({ ...pullRequest, checksOf: 'head' });
  expect(opened.effects.writes.find(({ kind }) => kind === 'pull-request-checks')).toMatchObject({
    ...{ credential: 'github', notify: 'plan:p1', planId: 'p1' },
    payload: { repositoryId: 'main', number: 7, sha: 'head', since: noon, timeoutMs: 7_200_000, markReady: false },
  });
  expect(kinds(opened)).toContain('externalUrls');
});

describe('how the waiting ends', () => {
  test('green: done, with what passed', () => {
    const decision = decide(waiting(), ended({ state: 'success', checks: [{ name: 'build', failed: false, output: '' }] }));
    expect([decision.plan.state, decision.task?.state, decision.plan.pullRequest]).toEqual(['done', 'done', pullRequest]);
    expect(bodyOf(decision)).toContain('**Checks:** `build` passed (pull request)');
  });

  test('green beside what ran here: both are told', () => {
    const at = waiting({ verifyMode: 'both' }, verdict(0));
    const decision = decide(at, ended({ state: 'success', checks: [{ name: 'build', failed: false, output: '' }] }));
    expect(bodyOf(decision)).toMatch(/`npm test` passed \(\d+ ms\), `build` passed \(pull request\)/);
  });

  test('red: the agent gets what the check said, and the plan runs again', () => {
    const decision = decide(waiting(), ended({ state: 'failure', checks: [{ name: 'build', failed: true, output: 'no such file' }] }));
    expect([decision.plan.state, decision.task?.state]).toEqual(['running', 'ready']);
    expect(decision.task?.learned).toMatch(/The check build of the pull request:\nno such file/);
    expect(decision.plan.answer).toBeNull();
  });

  test('red on the same commit again: a person decides, and the pull request stays', () => {
    const at = waiting();
    const chain = { from: 0, conflicts: 0, checks: [{ sha: 'head', failing: 'build', executorId: 'claude' }] };
    const again = { ...at, task: task({ ...at.task, chain }) };
    const decision = decide(again, ended({ state: 'failure', checks: [{ name: 'build', failed: true, output: 'boom' }] }));
    expect([decision.plan.state, decision.task?.state]).toEqual(['running', 'asking']);
    expect(decision.question).toMatchObject({ do: 'ask', body: expect.stringContaining('`build` still fails') });
  });

  test.each([
    ['none', {}, 'not run: the pull request had no checks within 1m 00s'],
    ['late', {}, 'not run: the checks of the pull request were not over after 2h 00m (verify.ciTimeoutMs); look there'],
    ['moved', {}, 'not run: somebody else pushed to the branch'],
    ['merged', {}, 'not run: the pull request was merged before its checks were over'],
    ['unreadable', { why: 'No permission.' }, 'not run: the checks of the pull request cannot be read: No permission.'],
    ['none', { draft: true }, '(a draft still: mark it as ready when you are content with it)'],
  ])('%s: done, and it is said', (state, more, words) => {
    const decision = decide(waiting(), ended({ state, ...more }));
    expect(decision.plan.state).toBe('done');
    expect(bodyOf(decision)).toContain(words);
  });

  test('late, beside checks that passed here: these stand, and it is said', () => {
    const decision = decide(waiting({ verifyMode: 'both' }, verdict(0)), ended({ state: 'late' }));
    expect(bodyOf(decision)).toMatch(/#7\].*were not over after 2h 00m[\s\S]*`npm test` passed/);
  });

  test('what is told of another commit counts for nothing', () => {
    const decision = decide(waiting(), ended({ state: 'success', sha: 'older' }));
    expect([decision.plan.state, decision.effects.writes]).toEqual(['verifying', []]);
  });
});

test('a message is not made to wait for the checks: the agent takes it up', () => {
  const message = { sessionId: 's1', seq: 2, authorName: 'Ada', body: 'Also the docs.', signal: null, at: noon };
  const decision = decide(waiting(), input('message', message), ended({ state: 'success' }));
  expect([decision.plan.state, decision.task?.state]).toEqual(['running', 'ready']);
  expect(decision.newMessages).toHaveLength(1);
});

test('a message that came while the pull request was opened is taken up before its checks are waited for', () => {
  const base = waiting();
  const pushed = { ...base, plan: plan({ ...base.plan, pullRequest: null }), messages: [said(1, true), said(2)] };
  const decision = decide(pushed, write({ kind: 'pull-request', result: pullRequest }));
  expect([decision.plan.state, decision.task?.state]).toEqual(['running', 'ready']);
  expect(kinds(decision)).not.toContain('pull-request-checks');
});

test('a stop ends the waiting; the pull request stays', () => {
  const decision = decide(waiting(), input('stop', { by: 'Ada' }));
  expect([decision.plan.state, decision.plan.pullRequest]).toEqual(['stopped', pullRequest]);
  expect(bodyOf(decision)).toContain('branch `cyrus/eng-1` on the remote');
});

test('with ci and no code host nothing decides, and the answer says so', () => {
  const base = context();
  const settings = { ...base.settings, verifyMode: 'ci' as const, noPullRequest: 'its remote is no code host' };
  const at = { ...base, settings, plan: plan({ state: 'verifying', headSha: 'head', startSha: 'base' }), attempts: [worked()] };
  const checks = {
    verdict: 'not_run' as const,
    reason: 'left to those of a pull request (verify.mode "ci"), and there is none',
    checks: [],
  };
  const done = decide({ ...at, task: task({ state: 'done', headSha: 'head', checks }) }, write({ kind: 'push' }));
  expect(done.plan.state).toBe('done');
  expect(bodyOf(done)).toContain('not run: left to those of a pull request (verify.mode "ci"), and there is none');
});

describe('what people did with the pull request', () => {
  const told = (state: string, newest = true) => input('pull_request', { url: pullRequest.url, state, newest });
  const over = (settings: Partial<PlanSettings> = {}): PlanContext => {
    const at = waiting(settings);
    const teamStates = [
      { id: 's-review', name: 'In Review', type: 'started', position: 1 },
      { id: 's-done', name: 'Done', type: 'completed', position: 2 },
    ];
    const details = { state: teamStates[0], teamStates, labels: [] } as unknown as NonNullable<PlanContext['issue']['details']>;
    return {
      ...at,
      plan: plan({ ...at.plan, state: 'done', pullRequest }),
      task: task({ ...at.task, state: 'done' }),
      issue: { ...at.issue, details },
      listeners: [],
    };
  };

  test('merged: noted, and the issue moves where it is configured to, once', () => {
    const decision = decide(over({ stateOnMerge: 'done' }), told('merged'), told('merged'));
    expect(decision.plan).toMatchObject({ state: 'done', pullRequest: { ...pullRequest, state: 'merged' } });
    expect(decision.effects.writes).toMatchObject([{ kind: 'issueState', credential: 'linear:w', payload: { stateId: 's-done' } }]);
    const known = { ...over().plan, pullRequest: decision.plan.pullRequest };
    expect(decide({ ...over({ stateOnMerge: 'done' }), plan: known }, told('merged')).effects.writes).toEqual([]);
  });

  test.each([
    ['where nothing is configured', {}, told('merged')],
    ['closed without a merge', { stateOnMerge: 'Done' }, told('closed')],
    ['a later plan of the issue is under way', { stateOnMerge: 'Done' }, told('merged', false)],
  ])('the issue stays where it is: %s', (_name, settings, input) => {
    const decision = decide(over(settings), input);
    expect(decision.plan.pullRequest?.state).toMatch(/merged|closed/);
    expect(decision.effects.writes).toEqual([]);
  });

  test('merged while its checks are waited for: the plan ends', () => {
    const decision = decide(waiting(), told('merged'));
    expect([decision.plan.state, decision.plan.pullRequest]).toEqual(['done', { ...pullRequest, state: 'merged' }]);
    expect(bodyOf(decision)).toContain('merged before its checks were over');
  });

  test('merged before a later push of the plan: what is in no pull request is said', () => {
    const base = waiting();
    const decision = decide(base, write({ kind: 'pull-request', result: { ...pullRequest, state: 'merged' } }));
    expect(decision.plan.state).toBe('done');
    expect(bodyOf(decision)).toContain('what the branch has since is in no pull request');
  });
});
