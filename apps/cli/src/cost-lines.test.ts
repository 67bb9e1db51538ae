import type { CostRow } from 'cyrus-store/queries/cost-report';
import { expect, test } from 'vitest';
import { reportLines } from './cost-lines.ts';

const nothing = { inputTokens: 0, outputTokens: 0, cost: 0, estimated: 0, worstCase: 0, late: 0, analysis: 0, covered: 0, unpriced: 0 };
const row = (name: string, more: Partial<CostRow>): CostRow => ({ name, attempts: 1, uses: 1, ...nothing, ...more });
const report = (rows: readonly CostRow[], reserved = { attempts: 0, cost: 0, credit: 0 }): readonly string[] =>
  reportLines({
    ...{ rows, reserved, by: 'executor', timeZone: 'UTC', since: Date.UTC(2026, 10, 1) },
    total: { ...nothing, attempts: 7, uses: 9, cost: 8_000_000 },
  });
/** Of each row what stands behind its figures. */
const notes = (rows: readonly CostRow[]): readonly string[] =>
  report(rows)
    .slice(2, 2 + rows.length)
    .map((line) => line.split(/\s{2,}/).at(-1) ?? '');

test('every cost that is not certain, or not counted, says so', () => {
  expect(
    notes([
      row('a', { cost: 2_000_000, estimated: 2_000_000 }),
      row('b', { cost: 900_000, worstCase: 700_000, late: 100_000 }),
      row('c', { cost: 1_200, analysis: 1_200, attempts: 0 }),
      row('d', { covered: 500_000 }),
      row('e', { cost: 1_000_000, unpriced: 2 }),
    ]),
  ).toEqual([
    '$2.00 of it estimated',
    '$0.70 of it worst case, $0.10 of it known late',
    '$0.0012 of it analysis',
    '$0.50 besides, at list price, paid by a subscription or a credit',
    'besides 2 without a known price',
  ]);
});

test('the last row is the total that was told, and no sum of the rows above', () => {
  const lines = report([row('a', { attempts: 5 }), row('b', { attempts: 5 })]);
  expect(lines[0]).toBe('Since 2026-11-01 (UTC), by executor:');
  expect(lines[1]?.trim().split(/\s+/)).toEqual(['EXECUTOR', 'COST', 'ATTEMPTS', 'USES', 'IN', 'OUT']);
  expect(lines.at(-1)?.trim().split(/\s+/)).toEqual(['together', '$8.00', '7', '9', '0', '0']);
});

test.each([
  [{ attempts: 1, cost: 3_000_000, credit: 0 }, 'Under way: 1 attempt, with $3.00 reserved that is not spent yet.'],
  [{ attempts: 2, cost: 0, credit: 5_000_000 }, 'Under way: 2 attempts, with $5.00 of a credit reserved that is not spent yet.'],
])('what is under way is told besides: %j', (reserved, line) => {
  expect(report([row('a', {})], reserved).at(-1)).toBe(line);
  expect(report([], reserved)).toEqual([`Nothing was used since 2026-11-01 (UTC). ${line}`]);
});
