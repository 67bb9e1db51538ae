import { expect, test } from 'vitest';
import { costIsKnown, usageEvent } from './usage-event.ts';

const usage = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 2, cacheWriteTokens: 1 };
const tokens = { model: 'm', ...usage, trust: 'provider' };

test.each([
  ['charged', { id: 'r', usage, cost: { rawCostCents: 8.084276, chargedCents: 8.084276 } }, { ...tokens, cost: 80_843 }],
  ['part of the plan', { id: 'r', usage, cost: { rawCostCents: 8.08, chargedCents: 0 } }, { ...tokens, cost: 0 }],
  ['not priced yet', { id: 'r', usage, cost: { rawCostCents: 0, chargedCents: 0 } }, tokens],
  ['without a cost', { id: 'r', usage }, tokens],
])('a run %s', (_what, reported, expected) => {
  expect(usageEvent(reported, 'm')?.usage).toEqual(expected);
  expect(costIsKnown(reported)).toBe('cost' in expected);
});

test('nothing reported is no usage, not a usage of nothing', () => {
  expect(usageEvent(undefined, 'm')).toBeUndefined();
  expect(usageEvent({ id: 'r', usage: { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 } }, 'm')).toBeUndefined();
});
