import { keepBranches } from 'cyrus-core/domain/branches-before';
import { describe, expect, test } from 'vitest';
import { context, noon, plan, task, verdict, worked, write } from '../test/plan-rows.ts';
import { decidePlan } from './decide-plan.ts';
import type { PlanContext, PlanDecision, PlanSettings } from './plan-context.ts';

const verifying = (settings: Partial<PlanSettings> = {}, checks = verdict(0)): PlanContext => {
  const base = context();
  return {
    ...base,
    settings: { ...base.settings, ...settings },
    plan: plan({ state: 'verifying', headSha: 'head', startSha: 'base', baseBranch: 'main' }),
    task: task({ state: 'done', headSha: 'head', checks, output: 'Did it.' }),
    attempts: [worked()],
  };
};
const published = (settings: Partial<PlanSettings>, result: object): PlanDecision => {
  const at = verifying(settings);
  const pushed = { ...at, plan: plan({ ...at.plan, pushedSha: 'head' }) };
  return decidePlan({ ...pushed, inputs: [write({ kind: 'pull-request', result: { number: 7, url: 'https://g/7', ...result } })] }, noon);
};
const bodyOf = (decision: PlanDecision): string => decision.plan.answer?.body ?? '';
const notRun = { verdict: 'not_run', reason: 'no checks were found', checks: [] } as const;

test('without a code host the pushed branch is the end: said in the answer and in a checklist that is done', () => {
  const decision = decidePlan({ ...verifying({ noPullRequest: 'its remote is no code host' }), inputs: [write({})] }, noon);
  expect(decision.plan.state).toBe('done');
  expect(bodyOf(decision)).toContain('**Branch:** `cyrus/eng-1` (pushed; no pull request, because its remote is no code host)');
  const list = decision.effects.writes.find(({ kind }) => kind === 'checklist');
  expect(list?.payload['items']).toMatchObject([
    { status: 'completed' },
    { status: 'completed' },
    { content: 'Push the branch (no pull request: its remote is no code host)', status: 'completed' },
  ]);
});

describe('drafts', () => {
  const review = (settings: Partial<PlanSettings>, checks = verdict(0)): unknown =>
    decidePlan({ ...verifying(settings, checks), inputs: [write({})] }, noon).effects.writes.find(({ kind }) => kind === 'pull-request')
      ?.payload['review'];

  test.each([
    ['not wanted', { draft: false }, verdict(0), undefined],
    ['wanted, and the checks here have passed', { draft: true }, verdict(0), 'ready'],
    ['wanted, and nothing could be checked here', { draft: true }, notRun, 'draft'],
    ['wanted, and the checks of the pull request decide', { draft: true, verifyMode: 'ci' as const }, notRun, 'draft'],
    ['wanted, and both decide', { draft: true, verifyMode: 'both' as const }, verdict(0), 'draft'],
  ])('%s', (_name, settings, checks, expected) => expect(review(settings, checks)).toBe(expected));

  test('one whose checks run with it is marked ready when they have passed', () => {
    const decision = published({ draft: true, verifyMode: 'ci' }, { draft: true });
    const waiting = decision.effects.writes.find(({ kind }) => kind === 'pull-request-checks');
    expect(waiting).toMatchObject({ credential: 'github', payload: { number: 7, sha: 'head', since: noon, markReady: true } });
    expect(waiting?.lane).not.toBe('pr:p1');
  });

  test('one that nothing can make ready is left to people', () => {
    const decision = published({ draft: true }, { draft: true });
    expect(decision.effects.writes.map(({ kind }) => kind)).not.toContain('pull-request-checks');
    expect(bodyOf(decision)).toContain('(a draft: mark it as ready when you are content with it)');
  });
});

test('what runs elsewhere opened and pushed is closed and deleted beside ours; people keep the way to the runs', () => {
  const ran = (number: number, over: object) =>
    worked({
      id: `a${number}`,
      number,
      executorId: 'sky',
      runRef: { executorId: 'sky', runId: `r${number}`, url: `https://sky/r${number}` },
      ...over,
    });
  const start = {
    repositoryUrl: 'https://h/x',
    startBranch: 'cyrus/eng-1-a2-start',
    startSha: 'tip1',
    pushBranch: 'cyrus/eng-1-a2',
    unpushed: true,
  };
  const remote = { ...start, startBranch: 'main', pushBranch: 'cyrus/eng-1-a1', unpushed: false, branchesBefore: keepBranches(['main']) };
  const { checkout } = worked();
  const first = ran(1, {
    checkout: { ...checkout, remote },
    run: { jobs: 1, branch: 'sky/own', branchSha: 'tip1', pullRequestUrl: 'https://g/3' },
  });
  const second = ran(2, { checkout: { ...checkout, remote: start }, run: { jobs: 1, branch: 'main', branchSha: 'tip2' } });
  const at = verifying();
  const pushed = { ...at, plan: plan({ ...at.plan, pushedSha: 'head' }), attempts: [first, second] };
  const opened = write({ kind: 'pull-request', result: { number: 7, url: 'https://g/7' } });
  const { writes } = decidePlan({ ...pushed, inputs: [opened] }, noon).effects;
  const retired = writes.filter(({ kind }) => kind === 'retire-run').map(({ payload }) => payload);
  expect(retired).toMatchObject([
    { pullRequestUrl: 'https://g/3', branches: [{ branch: 'sky/own', sha: 'tip1' }], ours: { number: 7 }, marker: 'a1' },
    { branches: [{ branch: 'cyrus/eng-1-a2-start', sha: 'tip1' }], marker: 'a2' },
  ]);
  const urls = writes.find(({ kind }) => kind === 'externalUrls')?.payload['urls'];
  expect(urls).toEqual([
    { label: 'Pull request #7', url: 'https://g/7' },
    { label: 'Run on sky', url: 'https://sky/r1' },
    { label: 'Run on sky', url: 'https://sky/r2' },
  ]);
});
