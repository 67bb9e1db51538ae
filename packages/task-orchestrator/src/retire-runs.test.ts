import { keepBranches } from 'cyrus-core/domain/branches-before';
import type { AttemptRun, RemoteStart } from 'cyrus-core/domain/plan';
import { expect, test } from 'vitest';
import { checkout, noon, plan, task, verdict, context as whole, worked, write } from '../test/plan-rows.ts';
import { decidePlan } from './decide-plan.ts';
import { type RanElsewhere, retireRuns } from './retire-runs.ts';

const ours = { number: 7, url: 'https://g/7' };
const remote = (over: Partial<RemoteStart> = {}): RemoteStart => ({
  ...{ repositoryUrl: 'https://h/x', startBranch: 'main', startSha: 'base', pushBranch: 'cyrus/eng-1-a1' },
  branchesBefore: keepBranches(['main', 'ada/fix']) ?? '',
  ...over,
});
const ran = (id: string, run: Partial<AttemptRun>, over: Partial<RemoteStart> = {}): RanElsewhere => ({
  id,
  run: { jobs: 1, ...run },
  checkout: { ...checkout, remote: remote(over) },
});
const deleted = (...runs: readonly RanElsewhere[]) => retireRuns(plan(), runs, ours).map(({ payload }) => payload['branches']);

test.each([
  [
    'the branch it was told to push',
    ran('a1', { branch: 'cyrus/eng-1-a1', branchSha: 'tip' }),
    [[{ branch: 'cyrus/eng-1-a1', sha: 'tip' }]],
  ],
  ['a branch that it made', ran('a1', { branch: 'sky/own', branchSha: 'tip' }), [[{ branch: 'sky/own', sha: 'tip' }]]],
  ['not a branch that was there before', ran('a1', { branch: 'ada/fix', branchSha: 'tip' }), []],
  ['not the base branch', ran('a1', { branch: 'main', branchSha: 'tip' }, { branchesBefore: '' }), []],
  ['not our branch', ran('a1', { branch: 'cyrus/eng-1', branchSha: 'tip' }), []],
  [
    'where it began, if that was pushed for it alone',
    ran('a1', {}, { startBranch: 's', unpushed: true }),
    [[{ branch: 's', sha: 'base' }]],
  ],
])('of what a run calls its own is deleted: %s', (_what, run, branches) => {
  expect(deleted(run)).toEqual(branches);
});

test('where it is not known what was there, a branch that a run chose stays', () => {
  const { branchesBefore: _, ...told } = remote();
  const run = { ...ran('a1', { branch: 'sky/own', branchSha: 'tip' }), checkout: { ...checkout, remote: told } };
  expect(deleted(run)).toEqual([]);
});

test('a run that was gone on with pushed to the branch of its first attempt: it is deleted as it is now, once', () => {
  const first = ran('a1', { branch: 'sky/own', branchSha: 'tip1' });
  const second = ran('a2', { branch: 'sky/own', branchSha: 'tip2' }, { branchesBefore: keepBranches(['main', 'sky/own']) ?? '' });
  expect(deleted(first, second)).toEqual([[{ branch: 'sky/own', sha: 'tip2' }]]);
});

test('what the runs of earlier plans left goes with those of the plan that opens the pull request', () => {
  const at = whole();
  const earlier = ran(
    'old',
    { branch: 'sky/old', branchSha: 'tip', pullRequestUrl: 'https://g/3' },
    { startBranch: 'old-start', unpushed: true },
  );
  const followUp = plan({
    state: 'verifying',
    headSha: 'head',
    startSha: 'base',
    baseBranch: 'main',
    pushedSha: 'head',
    number: 2,
    follows: 'p0',
  });
  const decision = decidePlan(
    {
      ...at,
      plan: followUp,
      task: task({ state: 'done', headSha: 'head', checks: verdict(0), output: 'Did it.' }),
      attempts: [worked()],
      earlierRuns: [earlier],
      inputs: [write({ kind: 'pull-request', result: { ...ours } })],
    },
    noon,
  );
  const writes = decision.effects.writes.filter(({ kind }) => kind === 'retire-run');
  // A stop of the plan would cancel what is its own, and the same is never queued again.
  expect(writes.map(({ planId }) => planId)).toEqual([undefined]);
  expect(writes.map(({ payload }) => payload)).toMatchObject([
    {
      ...{ marker: 'old', pullRequestUrl: 'https://g/3', ours },
      branches: [
        { branch: 'sky/old', sha: 'tip' },
        { branch: 'old-start', sha: 'base' },
      ],
    },
  ]);
});
