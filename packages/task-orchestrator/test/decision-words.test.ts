import { expect, test } from 'vitest';
import { type ChoiceTask, type ChoiceWorld, chooseExecutor } from '../src/choose-executor.ts';
import type { PastRuns } from '../src/estimate.ts';
import { cloud, local, noon, policy, repository, resting, task, work, world } from './support/facts.ts';

const ran = (executorId: string, minutes: number, dollars: number, succeeded = 100): PastRuns => ({
  ...{ repositoryId: 'main', executorId, complexity: 'medium', runs: 100, succeeded },
  cost: { p50: dollars * 1e6, p90: dollars * 1e6 },
  durationMs: { p50: minutes * 60_000, p90: minutes * 60_000 },
});
const worthIt = (valuePerHourUsd: number, ...past: readonly PastRuns[]): Partial<ChoiceWorld> => ({
  policy: policy('cost-optimized', undefined, { valuePerHourUsd }),
  repository: repository({ past }),
});
const claudeBusy: ChoiceWorld['room'] = ({ id }) =>
  id === 'claude' ? { free: false, key: 'executor:claude', what: 'busy', ahead: 2, places: 1 } : { free: true };
const smart = { policy: policy('hybrid-smart') };
const rules = [{ when: { labels: 'sensitive' }, use: 'local', only: true, reason: 'sensitive work stays here' }];

// What a lead reads in the issue and in `cyrus explain`.
test.each<[string, Partial<ChoiceTask>, Partial<ChoiceWorld>, string]>([
  ['nothing special', {}, {}, 'claude: the default executor'],
  ['a large change', {}, smart, 'codegen: hybrid-smart: larger changes go to the cloud'],
  ['a small one', { analysis: work({ complexity: 'low' }) }, smart, 'claude: hybrid-smart: a small task stays here'],
  [
    'the cloud is in trouble',
    {},
    { ...smart, executors: [local('claude'), cloud('codegen', { condition: resting(noon + 3_600_000) })] },
    'claude: hybrid-smart: larger changes go to the cloud; codegen cannot take this: resting until 13:00 UTC (it answers 503)',
  ],
  ['a person asks for one', { agent: 'codegen' }, {}, 'codegen: asked for in the issue'],
  ['a follow-up', { continuesOn: 'codegen' }, smart, 'codegen: it has worked on this before, and its conversation goes on'],
  [
    'critical work, and the first is busy',
    { analysis: work({ urgency: 'high' }) },
    { policy: policy('local-only', { rules: [{ when: {}, use: ['claude', 'codegen'], reason: 'our order' }] }), room: claudeBusy },
    'codegen: our order; claude is busy, and this is urgent',
  ],
  [
    'a rule of the user',
    { analysis: work({ labels: ['Sensitive'] }) },
    { policy: policy('cloud-only', { rules }) },
    'claude: sensitive work stays here',
  ],
  [
    'time that is worth its money',
    {},
    worthIt(60, ran('claude', 60, 1), ran('codegen', 10, 2)),
    'codegen: cost-optimized: about $0.98 more than claude saves 49 minutes, worth $48.81 at $60.00 an hour',
  ],
  ['time that is not', {}, worthIt(0, ran('claude', 60, 1), ran('codegen', 10, 2)), 'claude: cost-optimized: the cheapest, about $0.99'],
  [
    'a dear one that need not be repeated',
    {},
    worthIt(10, ran('claude', 10, 1, 30), ran('codegen', 10, 1.5, 100)),
    'codegen: cost-optimized: no dearer in the end: 10 of 10 attempts like this succeed there, 3 of 10 on claude',
  ],
])('%s', (_name, given, over, expected) => {
  const choice = chooseExecutor(task(given), world(over));
  expect(choice.chosen ? `${choice.executor.id}: ${choice.reason}` : choice).toBe(expected);
});
