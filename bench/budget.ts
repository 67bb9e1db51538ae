import { createCalendar } from 'cyrus-core/calendar';
import { testDatabase } from 'cyrus-store/testing/database';
import { patientDatabase, rush, seeded } from '../packages/edge-worker/test/support/budget-rush.ts';
import type { Claim } from './support/measure.ts';

const noon = Date.parse('2026-11-21T12:00:00Z');
const limit = 50_000_000;
const none = { month: null, repository: null, issue: null, task: null, attempt: null, credit: null };

/**
 * 500 attempts want to begin at once on one day's budget of $50; their costs are not known before, and one in ten is killed between
 * an answer and its settlement. The most that was charged and held together, or billed, above the limit.
 */
export const measure: Claim = async ({ samples, say }) => {
  const starts = samples(500);
  const stored = await testDatabase();
  const db = patientDatabase(stored.connection, noon);
  try {
    const rules = { calendar: createCalendar('UTC'), limits: () => ({ ...none, day: limit }) };
    const seen = await rush({ db, rules, starts, day: '2026-11-21', limit, random: seeded(1) });
    const usd = (amount: number): string => `$${(amount / 1e6).toFixed(2)}`;
    say(
      `${seen.started} began, ${seen.refused} did not, ${seen.killed} were killed; ${seen.calls} calls, ${usd(seen.billed)} billed, ${usd(seen.charged)} charged; ${seen.looks} looks at the book`,
    );
    const value = Math.max(0, seen.overshoot) / 1e6;
    return [{ name: 'budget', value, unit: 'USD', floor: null, target: { of: 'value', atMost: 0 }, samples: starts }];
  } finally {
    await db.close();
    await stored.stop();
  }
};
