import { configSchema } from 'cyrus-core/config/schema';
import { testDatabase } from 'cyrus-store/testing/database';
import { expect, test } from 'vitest';
import { createBudgetRules } from '../src/money/budget-rules.ts';
import { patientDatabase, rush, seeded } from './support/budget-rush.ts';

const noon = Date.parse('2026-11-21T12:00:00Z');
const config = configSchema.parse({ budgets: { perDayUsd: 50, perTaskUsd: null, timeZone: 'UTC' } });

test('500 starts at once on a day of $50, with costs nobody knows before and kills: never more is charged and held, or billed', async () => {
  const stored = await testDatabase();
  const db = patientDatabase(stored.connection, noon);
  try {
    const limit = 50_000_000;
    const rules = createBudgetRules(() => config);
    const seen = await rush({ db, rules, starts: 500, day: '2026-11-21', limit, random: seeded(4) });
    expect(seen.overshoot).toBeLessThanOrEqual(0);
    expect(seen.looks).toBeGreaterThan(20);
    expect(seen.started + seen.refused).toBe(500);
    expect(seen.killed).toBeGreaterThan(3);
    // The money is used, not only guarded; and what was billed is in the book.
    expect(seen.charged).toBeGreaterThan(0.9 * limit);
    expect(seen.charged).toBeLessThanOrEqual(limit);
    expect(seen.charged).toBeGreaterThanOrEqual(seen.billed);
    const { rows } = await db.query<{ spent: number; charges: number }>(
      `select spent, (select sum(cost) from cyrus.charge) as charges from cyrus.budget where scope = 'month'`,
    );
    expect(rows).toEqual([{ spent: seen.charged, charges: seen.charged }]);
  } finally {
    await db.close();
    await stored.stop();
  }
}, 300_000);
