import { systemClock } from 'cyrus-core/clock';
import type { CallIntent, Granted } from 'cyrus-core/ports/ledger';
import { expect, test } from 'vitest';
import { readModelRequest } from './model-request.ts';
import { reserve } from './reserve.ts';

test('what searches find is held for, also where the rest of the input is counted exactly', async () => {
  const request = readModelRequest(
    JSON.stringify({ model: 'm', max_tokens: 1_000, messages: [], tools: [{ type: 'web_search_20250305', max_uses: 2 }] }),
    1_000_000,
  );
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
  // 202 counted, 2 × 20,000 found, 1,000 out, and the price of the searches themselves.
  expect(asked.at(-1)?.worstCase).toBe(202 + 40_000 + 1_000 + 20_000);
});
