import { manualClock } from 'cyrus-core/clock';
import { takeFrom } from 'cyrus-core/rate-window';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryLimiter, type RateLimit, waitForTurn } from './limiter.ts';

const creates: RateLimit = { bucket: 'create', limit: 3, perMs: 60_000 };
const reads: RateLimit = { bucket: 'read', limit: 3, perMs: 30_000 };

describe('a limiter', () => {
  test('lets as many calls through as are allowed, then says how long to wait', async () => {
    const clock = manualClock(1_000);
    const limiter = memoryLimiter(clock);
    expect([await limiter.take('a', creates), await limiter.take('a', creates)]).toEqual([0, 0]);
    clock.advance(10_000);
    expect([await limiter.take('a', creates), await limiter.take('a', creates)]).toEqual([0, 50_000]);
    clock.advance(50_000);
    expect(await limiter.take('a', creates, 2)).toBe(0);
    expect(await limiter.take('a', creates)).toBe(10_000);
  });

  test('counts credentials and kinds of calls apart', async () => {
    const limiter = memoryLimiter(manualClock());
    expect(await limiter.take('a', creates, 3)).toBe(0);
    expect([await limiter.take('b', creates), await limiter.take('a', reads)]).toEqual([0, 0]);
    expect(await limiter.take('a', creates)).toBe(60_000);
  });

  test('holds everybody back until the provider wants to be asked again', async () => {
    const clock = manualClock(1_000);
    const limiter = memoryLimiter(clock);
    await limiter.holdBack('a', 21_000);
    await limiter.holdBack('a', 6_000);
    expect([await limiter.take('a', creates), await limiter.take('a', reads), await limiter.take('b', reads)]).toEqual([20_000, 20_000, 0]);
    clock.advance(20_000);
    expect(await limiter.take('a', creates)).toBe(0);
    await limiter.holdBack('a', 31_000, 'create');
    expect([await limiter.take('a', creates), await limiter.take('a', reads)]).toEqual([10_000, 0]);
  });

  test('a clock that was set back neither lengthens a hold nor keeps calls that are yet to come', () => {
    const held = { since: 100_000, until: 160_000 };
    expect(takeFrom({ taken: [100_000, 100_000, 100_000], held }, [held], creates, 1, 50_000).waitMs).toBe(0);
  });

  test('a wait of days is not believed at once', async () => {
    const limiter = memoryLimiter(manualClock());
    await limiter.holdBack('a', 10 * 86_400_000);
    expect(await limiter.take('a', creates)).toBeLessThanOrEqual(65 * 60_000);
  });

  test('whoever waits gets a turn, and ends when told to', async () => {
    const clock = manualClock();
    const limiter = memoryLimiter(clock);
    await limiter.take('a', creates, 3);
    const turn = waitForTurn({ limiter, clock, random: () => 0, credential: 'a', rate: creates });
    const over = new AbortController();
    const given = waitForTurn({ limiter, clock, random: () => 1, credential: 'a', rate: creates, signal: over.signal });
    await Promise.resolve();
    over.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    clock.advance(60_000);
    await turn;
    expect(await limiter.take('a', creates, 2)).toBe(0);
  });

  test('whatever is asked when: no span holds more calls than allowed, and who waits as told is let through', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 40_000 }), cost: fc.integer({ min: 1, max: 5 }) }), { maxLength: 60 }),
        (calls) => {
          let now = 0;
          let window: Parameters<typeof takeFrom>[0] = { taken: [], held: null };
          const made: number[] = [];
          for (const { afterMs, cost } of calls) {
            now += afterMs;
            const first = takeFrom(window, [], creates, cost, now);
            now += first.waitMs;
            const next = first.waitMs > 0 ? takeFrom(first.window, [], creates, cost, now) : first;
            expect(next.waitMs).toBe(0);
            window = next.window;
            for (let call = 0; call < Math.min(cost, creates.limit); call++) made.push(now);
            expect(made.filter((at) => at > now - creates.perMs).length).toBeLessThanOrEqual(creates.limit);
          }
        },
      ),
    );
  });
});
