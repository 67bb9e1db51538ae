import { loadPrices } from 'cyrus-core/prices';
import type { Usage } from 'cyrus-executor-interface/executor';
import { expect, test } from 'vitest';
import { type ModelTotals, usageMeter } from './usage-meter.ts';

const price = await loadPrices();
const model = 'claude-sonnet-5';
const call = { input_tokens: 1000, cache_read_input_tokens: 5000, cache_creation_input_tokens: 200, output_tokens: 300 };
const totals = (calls: number, more: Partial<ModelTotals> = {}): Record<string, ModelTotals> => ({
  [model]: {
    inputTokens: 1000 * calls,
    outputTokens: 300 * calls,
    cacheReadInputTokens: 5000 * calls,
    cacheCreationInputTokens: 200 * calls,
    costUSD: 0.0065 * calls,
    costBasis: 'list',
    ...more,
  },
});
const sum = (usages: readonly Usage[]): { output: number; cost: number } => ({
  output: usages.reduce((total, usage) => total + usage.outputTokens, 0),
  cost: usages.reduce((total, usage) => total + (usage.cost ?? 0), 0),
});

test('the price list agrees with what the agent says a call costs', () => {
  expect(price(model, { inputTokens: 1000, outputTokens: 300, cacheReadTokens: 5000, cacheWriteTokens: 200 })).toBe(6500);
  expect(price('a-model-nobody-knows', { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 })).toBeUndefined();
});

test('a call is reported once, when it ends; totals that hold no more add nothing', () => {
  const meter = usageMeter(price, {});
  meter.started(model, { ...call, output_tokens: 1 });
  expect(meter.finished(call)).toEqual([
    { model, inputTokens: 1000, outputTokens: 300, cacheReadTokens: 5000, cacheWriteTokens: 200, cost: 6500, trust: 'agent' },
  ]);
  expect(meter.settled(totals(1))).toEqual([]);
});

test('totals add what no call has shown, and count on from the conversation before', () => {
  const meter = usageMeter(price, totals(3));
  meter.started(model, call);
  const usages = [...meter.finished(call), ...meter.seen('msg', model, { ...call, output_tokens: 1 }), ...meter.settled(totals(5))];
  expect(sum(usages)).toEqual({ output: 600, cost: 13_000 });
  meter.started(model, call);
  expect(sum([...meter.finished(call), ...meter.settled(totals(6))])).toEqual({ output: 300, cost: 6500 });
});

test('a subagent message seen twice counts once', () => {
  const meter = usageMeter(price, {});
  expect(meter.seen('msg', model, call)).toHaveLength(1);
  expect(meter.seen('msg', model, call)).toEqual([]);
});

test('a killed run keeps what its open call has certainly used', () => {
  const meter = usageMeter(price, {});
  meter.started(model, { ...call, output_tokens: 1 });
  expect(meter.abandoned()).toMatchObject([{ inputTokens: 1000, outputTokens: 1 }]);
  expect(meter.abandoned()).toEqual([]);
});

test('totals below what was seen never become negative', () => {
  const meter = usageMeter(price, totals(9));
  meter.started(model, call);
  meter.finished(call);
  expect(meter.settled(totals(1))).toEqual([]);
});

test('a guessed price is no price: an unknown model stays unpriced', () => {
  const unknown = 'a-model-nobody-knows';
  const meter = usageMeter(price, {});
  meter.started(unknown, call);
  const usages = [...meter.finished(call), ...meter.settled({ [unknown]: { ...(totals(2)[model] as ModelTotals), costBasis: 'unknown' } })];
  expect(usages).toHaveLength(2);
  for (const usage of usages) expect(usage).not.toHaveProperty('cost');
  expect(sum(usages).output).toBe(600);
});

test('a model only the agent can price is priced from its totals', () => {
  const known = 'a-model-only-the-agent-knows';
  const meter = usageMeter(price, {});
  meter.started(known, call);
  const usages = [...meter.finished(call), ...meter.settled({ [known]: totals(1, { costUSD: 0.5 })[model] as ModelTotals })];
  expect(sum(usages)).toEqual({ output: 300, cost: 500_000 });
});
