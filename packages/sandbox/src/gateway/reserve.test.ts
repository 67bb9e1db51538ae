import { systemClock } from 'cyrus-core/clock';
import type { CallIntent, Granted } from 'cyrus-core/ports/ledger';
import { expect, test } from 'vitest';
import { readModelRequest } from './model-request.ts';
import { reserve } from './reserve.ts';

test('where the input is counted exactly, searches read what was counted', async () => {
  const body = {
    model: 'm',
    max_tokens: 1_000,
    messages: [],
    system: 'x'.repeat(1_000_000),
    tools: [{ type: 'web_search_20250305', max_uses: 1 }],
  };
  const request = readModelRequest(JSON.stringify(body), { webSearch: true });
  if ('mistake' in request) throw new Error(request.mistake);
  const asked: CallIntent[] = [];
  const reserved = await reserve(
    {
      ledger: {
        async intend(intent): Promise<Granted> {
          asked.push(intent);
          return (intent.worstCase ?? 0) <= 100_000 ? { granted: true } : { granted: false, left: 100_000, reason: 'short' };
        },
        settle: async () => undefined,
      },
      price: (_model, { inputTokens, outputTokens, cacheWriteTokens }) => inputTokens + outputTokens + cacheWriteTokens,
      clock: systemClock,
      signal: new AbortController().signal,
      count: async () => 100,
      settled: async () => undefined,
    },
    request,
    { callId: 'c', attemptId: 'a' },
  );
  expect(reserved).toEqual({ maxTokens: 1_000 });
  // 202 counted and read twice, 20,000 found, 1,000 out and read once more, and the price of the search itself.
  expect(asked.at(-1)?.worstCase).toBe(2 * 202 + 20_000 + 2 * 1_000 + 10_000);
});
