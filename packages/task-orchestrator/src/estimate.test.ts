import { expect, test } from 'vitest';
import { cloud, local } from '../test/support/facts.ts';
import { estimateAttempt, estimateTask, type PastRuns } from './estimate.ts';

const minute = 60_000;
const past = (over: Partial<PastRuns> = {}): PastRuns => ({
  repositoryId: 'main',
  executorId: 'claude',
  complexity: 'medium',
  runs: 9,
  succeeded: 9,
  cost: { p50: 200_000, p90: 400_000 },
  durationMs: { p50: 2 * minute, p90: 4 * minute },
  ...over,
});

test('where nothing is known the usual is assumed, more for larger work; the cloud needs a minute to begin', () => {
  const [small, medium, large] = (['low', 'medium', 'high'] as const).map((complexity) =>
    estimateAttempt({ complexity }, local('claude'), []),
  );
  expect(medium).toEqual({
    cost: { p50: 600_000, p90: 2_000_000 },
    durationMs: { p50: 10 * minute, p90: 30 * minute },
    success: 0.8,
    from: 'usual for work of medium size',
  });
  expect(small?.cost.p90).toBeLessThan(medium?.cost.p90 ?? 0);
  expect(large?.durationMs.p50).toBeGreaterThan(medium?.durationMs.p50 ?? 0);
  expect(estimateAttempt({ complexity: 'medium' }, cloud('codegen'), []).durationMs.p50).toBe(11 * minute);
});

test('the past of the repository counts the more the more there is of it', () => {
  const with9 = estimateAttempt({ complexity: 'medium' }, local('claude'), [past()]);
  expect(with9).toMatchObject({ cost: { p50: 300_000 }, durationMs: { p50: 4 * minute }, from: 'like 9 finished here before' });
  expect(with9.success).toBeCloseTo((9 + 2.4) / 12);
  const with90 = estimateAttempt({ complexity: 'medium' }, local('claude'), [past({ runs: 90, succeeded: 45 })]);
  expect(with90.cost.p50).toBeLessThan(with9.cost.p50);
  expect(with90.success).toBeCloseTo(0.51, 2);
});

test('only of the same executor, with work of the same size', () => {
  const usual = estimateAttempt({ complexity: 'medium' }, local('claude'), []);
  expect(
    estimateAttempt({ complexity: 'medium' }, local('claude'), [past({ executorId: 'codegen' }), past({ complexity: 'high' })]),
  ).toEqual(usual);
});

test('what costs nothing more costs nothing; what reports no cost costs what is configured', () => {
  expect(estimateAttempt({ complexity: 'high' }, local('claude', { included: true }), [past({ complexity: 'high' })]).cost).toEqual({
    p50: 0,
    p90: 0,
  });
  expect(estimateAttempt({ complexity: 'high' }, cloud('codegen', { costPerRun: 1_500_000 }), []).cost).toEqual({
    p50: 1_500_000,
    p90: 1_500_000,
  });
  const unpriced = past({ executorId: 'codegen', cost: null });
  expect(estimateAttempt({ complexity: 'medium' }, cloud('codegen', { costPerRun: 1_500_000 }), [unpriced]).cost.p90).toBe(1_500_000);
});

test('runs that were charged with what is configured do not make the next one cheaper', () => {
  const charged = past({ executorId: 'codegen', runs: 1, cost: { p50: 5_000_000, p90: 5_000_000 } });
  expect(estimateAttempt({ complexity: 'medium' }, cloud('codegen', { costPerRun: 5_000_000 }), [charged]).cost).toEqual({
    p50: 5_000_000,
    p90: 5_000_000,
  });
});

test('the work itself is estimated by whoever has done most of it', () => {
  const much = past({ executorId: 'codegen', runs: 97, cost: { p50: 100_000, p90: 100_000 } });
  expect(estimateTask({ complexity: 'medium' }, [past(), much]).cost.p50).toBe(115_000);
  expect(estimateTask({ complexity: 'low' }, [past(), much]).cost.p50).toBe(150_000);
});
