import type { AttemptRun } from 'cyrus-core/domain/plan';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readOpenRuns } from '../src/queries/runs-open.ts';
import { type TestDatabase, testDatabase } from '../src/testing/database.ts';
import { insertAttempt, insertTask } from './ledger-rows.ts';

const noon = Date.parse('2026-11-21T12:00:00Z');
let stored: TestDatabase;
beforeAll(async () => {
  stored = await testDatabase({ time: { now: () => noon } });
  await insertTask(stored.db, '1');
});
afterAll(() => stored.stop());

let number = 0;
async function attempt(endedHoursAgo: number | null, run: Partial<AttemptRun>, elsewhere = true): Promise<void> {
  number += 1;
  const id = await insertAttempt(stored.db, '1', { number, executor: 'sky' });
  await stored.db.query(
    `update cyrus.attempt set run = $2, checkout = $3, run_ref = $4, created_at = to_timestamp($5::float8 / 1000),
       ended_at = case when $6::float8 is null then null else to_timestamp($6::float8 / 1000) end where id = $1`,
    [
      id,
      JSON.stringify({ jobs: 1, ...run }),
      JSON.stringify({ directory: '', ...(elsewhere ? { remote: {} } : {}) }),
      JSON.stringify({ executorId: 'sky', runId: `r${number}`, url: `https://sky/r${number}` }),
      noon + number,
      endedHoursAgo === null ? null : noon - endedHoursAgo * 3_600_000,
    ],
  );
}

test('runs elsewhere that are waited for, and those whose stop nobody has confirmed for a day, late twins among them', async () => {
  await attempt(null, {});
  await attempt(1, {});
  await attempt(1, { stop: 'confirmed' });
  await attempt(1, { stop: 'requested' });
  await attempt(30, { stop: 'requested' });
  await attempt(1, { late: { runId: 'twin', url: 'https://sky/twin', stop: 'unsupported' } });
  await attempt(1, { late: { runId: 'twin', stop: 'confirmed' } });
  await attempt(null, { stop: 'requested' });
  await attempt(null, {}, false);
  const open = (await readOpenRuns(stored.db)).map(({ number: of, url, stop }) => [of, url, stop]);
  expect(open).toEqual([
    [1, 'https://sky/r1', null],
    [4, 'https://sky/r4', 'requested'],
    [6, 'https://sky/twin', 'unsupported'],
    [8, 'https://sky/r8', null],
  ]);
});
