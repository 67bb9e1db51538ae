import { manualClock } from 'cyrus-core/clock';
import { expect, test } from 'vitest';
import { eventLog } from './event-log.ts';
import { runEnd } from './run-end.ts';

function setUp() {
  const clock = manualClock();
  const log = eventLog();
  const killed = Promise.withResolvers<void>();
  const calls: string[] = [];
  const end = runEnd({
    log,
    clock,
    timeoutMs: 60_000,
    close: () => void calls.push('close'),
    kill: () => {
      calls.push('kill');
      return killed.promise;
    },
    result: (outcome) => ({ ...outcome, output: 'words' }),
  });
  return { clock, log, killed, calls, end };
}

test('a run that ends by itself is not killed', async () => {
  const { log, calls, end, clock } = setUp();
  end.finish({ state: 'succeeded' });
  clock.advance(60_000);
  await end.force({ state: 'cancelled' });
  expect(await log.done).toEqual({ state: 'succeeded', output: 'words' });
  expect(calls).toEqual(['close']);
  expect(end.over.aborted).toBe(true);
});

test('a forced end is written only when nothing of the run is left', async () => {
  const { log, killed, end } = setUp();
  const ending = end.force({ state: 'cancelled' });
  expect(end.decided).toBe(true);
  expect(log.ended).toBeUndefined();
  killed.resolve();
  await ending;
  expect(log.ended).toEqual({ state: 'cancelled', output: 'words' });
});

test('the first reason counts', async () => {
  const { log, killed, calls, end } = setUp();
  const both = [end.force({ state: 'cancelled' }), end.force({ state: 'failed' })];
  killed.resolve();
  await Promise.all(both);
  expect(log.ended?.state).toBe('cancelled');
  expect(calls.filter((call) => call === 'kill')).toHaveLength(1);
});

test('the deadline ends it', async () => {
  const { clock, log, killed } = setUp();
  killed.resolve();
  clock.advance(60_000);
  expect(await log.done).toMatchObject({ state: 'expired', failure: { class: 'timeout', message: expect.stringContaining('1 minutes') } });
});
