import { configSchema } from 'cyrus-core/config/schema';
import { expect, test } from 'vitest';
import { moneyLines, unknownCosts } from './money-status.ts';

test('executors that report no cost and of which nothing is assumed are named', () => {
  const silent = { command: 'x', capabilities: { cost: 'none' } };
  const executors = { silent, assumed: { ...silent, estimatedCostPerRunUsd: 1 }, telling: { command: 'x' } };
  const codegen = { enabled: true, orgId: 1, apiToken: 'x' };
  expect(unknownCosts(configSchema.parse({ executors }))).toEqual(['silent']);
  expect(unknownCosts(configSchema.parse({ executors, codegen }))).toEqual(['codegen', 'silent']);
});

test.each<[string, number, number | null, RegExp]>([
  ['half of it', 25, 50, /^Spent today \(UTC\): \$25\.00 of \$50\.00 \(50 %\)$/],
  ['most of it', 41, 50, /\(82 %\), nearly used up$/],
  ['all of it', 50, 50, /\(100 %\), used up$/],
  ['no limit', 41, null, /^Spent today \(UTC\): \$41\.00, no limit$/],
])('a budget of which is spent: %s', (_name, spent, limit, line) => {
  const day = { scope: 'day', of: null, limit: limit === null ? null : limit * 1e6, spent: spent * 1e6, reserved: 0, left: null };
  const none = { unpriced: 0, covered: 0, estimated: 0, nearlyUsed: [], unknownCosts: [] };
  expect(moneyLines({ ...none, timeZone: 'UTC', budgets: [day] })[0]).toMatch(line);
});
