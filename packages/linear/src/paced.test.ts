import { manualClock } from 'cyrus-core/clock';
import { err, ok } from 'cyrus-core/result';
import { describe, expect, test } from 'vitest';
import type { LinearClient } from './client.ts';
import { paced } from './paced.ts';
import type { Rate } from './rate.ts';

const hour = 3_600_000;

/** A client whose limits and answers are given. */
function given(): { client: LinearClient; calls: number; rate: Rate; limitedUntil?: number } {
  const state: ReturnType<typeof given> = {
    calls: 0,
    rate: {},
    client: {
      uploadOrigin: '',
      download: async () => ok(new Uint8Array()),
      rate: () => state.rate,
      async request() {
        state.calls++;
        if (state.limitedUntil === undefined) return ok({});
        return err({ action: 'retry', failure: { class: 'rate_limited', message: 'limit', retryAt: state.limitedUntil }, said: [] });
      },
    },
  };
  return state;
}
const requests = (remaining: number, resetAt: number): Rate => ({ requests: { limit: 5000, remaining, resetAt } });

describe('the pace of all callers of one credential', () => {
  test('a limit that is used up: no call until it is reset', async () => {
    const clock = manualClock(1_000_000);
    const state = given();
    const client = paced(state.client, clock);
    state.rate = requests(0, clock.now() + hour);
    expect(await client.request('', {})).toMatchObject({
      ok: false,
      error: { failure: { class: 'rate_limited', retryAt: 1_000_000 + hour } },
    });
    expect(state.calls).toBe(0);
    clock.advance(hour);
    expect((await client.request('', {})).ok).toBe(true);
  });

  test('a refusal of one caller holds the others back, by the time that Linear gave', async () => {
    const clock = manualClock(1_000_000);
    const state = given();
    const client = paced(state.client, clock);
    state.limitedUntil = clock.now() + 7_000;
    await client.request('', {});
    delete state.limitedUntil;
    expect(await client.request('', {})).toMatchObject({ ok: false, error: { failure: { retryAt: 1_007_000 } } });
    expect(state.calls).toBe(1);
    clock.advance(7_000);
    expect((await client.request('', {})).ok).toBe(true);
  });

  test('a clock that is set back does not hold anybody back', async () => {
    const clock = manualClock(10 * hour);
    const state = given();
    const client = paced(state.client, clock);
    state.limitedUntil = clock.now() + 7_000;
    await client.request('', {});
    delete state.limitedUntil;
    clock.advance(-hour / 2);
    expect((await client.request('', {})).ok).toBe(true);
  });

  test('near the limit calls are spread one after the other; a wait of more than half a minute is the caller’s', async () => {
    const clock = manualClock(1_000_000);
    const state = given();
    const client = paced(state.client, clock);
    state.rate = requests(100, clock.now() + 1_000_000);
    const calls = [1, 2, 3, 4, 5].map(() => client.request('', {}));
    await expect.poll(() => state.calls).toBe(1);
    const refused = (await Promise.all(calls.slice(4))).map((answer) => !answer.ok && answer.error.failure.retryAt);
    expect(refused).toEqual([1_040_000]);
    for (const expected of [2, 3, 4]) {
      clock.advance(10_000);
      await expect.poll(() => state.calls).toBe(expected);
    }
    expect((await Promise.all(calls.slice(0, 4))).every((answer) => answer.ok)).toBe(true);
  });
});
