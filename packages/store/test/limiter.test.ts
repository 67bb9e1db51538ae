import { manualClock } from 'cyrus-core/clock';
import type { RateLimit } from 'cyrus-core/ports/limiter';
import { expect, test } from 'vitest';
import { createLimiter } from '../src/limiter.ts';
import { testDatabase } from '../src/testing/database.ts';

const creates: RateLimit = { bucket: 'create', limit: 5, perMs: 60_000 };
const reads: RateLimit = { bucket: 'read', limit: 5, perMs: 30_000 };

test('however many ask at once, no more calls are made than are allowed; a hold is everybody’s', async () => {
  const clock = manualClock(1_700_000_000_000);
  const t = await testDatabase({ time: clock, maxConnections: 8 });
  try {
    const workers = [createLimiter(t.db), createLimiter(t.db), createLimiter(t.db)];
    const asked = await Promise.all(Array.from({ length: 24 }, (_, call) => workers[call % 3]?.take('codegen:1', creates)));
    expect(asked.filter((waitMs) => waitMs === 0)).toHaveLength(5);
    expect(asked.filter((waitMs) => waitMs === 60_000)).toHaveLength(19);
    expect(await workers[0]?.take('codegen:2', creates)).toBe(0);

    await workers[0]?.holdBack('codegen:1', clock.now() + 90_000);
    expect(await workers[1]?.take('codegen:1', reads)).toBe(90_000);
    clock.advance(90_000);
    expect(await workers[2]?.take('codegen:1', creates, 5)).toBe(0);
    expect(await workers[1]?.take('codegen:1', creates)).toBe(60_000);
    expect(await workers[1]?.take('codegen:1', reads)).toBe(0);
  } finally {
    await t.stop();
  }
});
