import { expect, test } from 'vitest';
import { affordable, worstCase } from './call-price.ts';

/** A dollar of micro-dollars for each token, whatever it is. */
const flat = (
  _model: string,
  { inputTokens, outputTokens, cacheWriteTokens }: { inputTokens: number; outputTokens: number; cacheWriteTokens: number },
) => inputTokens + outputTokens + cacheWriteTokens;
const request = (webSearches: number) => ({ model: 'm', longCache: false, webSearches });

test('without searches a call reads its input once', () => {
  expect(worstCase(flat, request(0), 1_000, 500)).toBe(1_500);
});

test('after each search all is read anew, with what was written and found so far', () => {
  // Three readings of 1,000, the answer of 500 read twice, findings of 20,000 and 40,000, the answer, and the searches themselves.
  expect(worstCase(flat, request(2), 1_000, 500)).toBe(3_000 + 1_000 + 60_000 + 500 + 20_000);
});

test('what is left pays for no more than it says, with searches too', () => {
  for (const searches of [0, 3]) {
    const tokens = affordable(flat, request(searches), 1_000, 200_000, 64_000);
    expect(tokens).toBeGreaterThan(0);
    expect(worstCase(flat, request(searches), 1_000, tokens)).toBeLessThanOrEqual(200_000);
  }
});
