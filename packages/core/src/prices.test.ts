import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { loadPrices, type ModelPrice, priceList, withOwnPrices } from './prices.ts';

test('the list is named by the version that is installed', () => {
  const entry = createRequire(import.meta.url).resolve('@pydantic/genai-prices');
  const { name, version } = JSON.parse(readFileSync(new URL('../package.json', `file://${entry}`), 'utf8')) as Record<string, string>;
  expect(priceList).toBe(`${name} ${version}`);
});

test.each([
  ['input', { inputTokens: 1_000_000 }, 3_000_000],
  ['output', { outputTokens: 1_000_000 }, 15_000_000],
  ['reading the cache', { cacheReadTokens: 100_000 }, 30_000],
  ['writing the cache', { cacheWriteTokens: 100_000 }, 375_000],
])('a price of %s', async (_name, tokens, expected) => {
  const price = await loadPrices();
  const none = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
  // Long prompts may cost more a token, never less.
  expect(price('claude-sonnet-4-5', { ...none, ...tokens })).toBeGreaterThanOrEqual(expected);
  expect(price('a-model-nobody-knows', { ...none, ...tokens })).toBeUndefined();
});

test('prices that somebody has named come first, are read anew at each call, and leave all others alone', () => {
  let own: Record<string, ModelPrice> | undefined;
  const price = withOwnPrices(
    (model) => (model === 'listed' ? 7 : undefined),
    () => own,
  );
  const tokens = { inputTokens: 1_000, outputTokens: 100, cacheReadTokens: 10_000, cacheWriteTokens: 2_000 };
  expect(price('mine', tokens)).toBeUndefined();
  own = {
    mine: { inputUsd: 2, outputUsd: 10 },
    exact: { inputUsd: 2, outputUsd: 10, cacheReadUsd: 0.2, cacheWriteUsd: 4 },
    free: { inputUsd: 0, outputUsd: 0 },
  };
  expect(price('mine', tokens)).toBe(2_000 + 1_000 + 20_000 + 5_000);
  expect(price('exact', tokens)).toBe(2_000 + 1_000 + 2_000 + 8_000);
  expect(price('free', tokens)).toBe(0);
  expect(price('listed', tokens)).toBe(7);
  expect(price('constructor', tokens)).toBeUndefined();
});
