import { formatUsd, type MicroUsd } from 'cyrus-core/money';
import type { CostGroup, CostRow, Costs } from 'cyrus-store/queries/cost-report';
import { plain, table } from './terminal.ts';

/** What attempts under way hold. Micro-dollars. */
export interface Reserved {
  readonly attempts: number;
  /** Held in budgets, and not spent yet. */
  readonly cost: MicroUsd;
  /** Held in monthly credits. */
  readonly credit: MicroUsd;
}

export interface Report {
  readonly rows: readonly CostRow[];
  readonly total: Costs;
  readonly by: CostGroup;
  /** Epoch milliseconds. */
  readonly since: number;
  readonly timeZone: string;
  readonly reserved: Reserved;
}

/** A report for a terminal: what it is of, the head of its table, and the rest. */
export function reportLines({ rows, total, by, since, timeZone, reserved }: Report): readonly [string, ...string[]] {
  const from = `${new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' }).format(since)} (${timeZone})`;
  const held = heldLine(reserved);
  if (rows.length === 0) return [`Nothing was used since ${from}.${held === null ? '' : ` ${held}`}`];
  const cells = [...rows, ...(rows.length > 1 ? [{ name: 'together', ...total }] : [])].map(cellsOf);
  return [
    `Since ${from}, by ${by}:`,
    ...table([[by.toUpperCase(), 'COST', 'ATTEMPTS', 'USES', 'IN', 'OUT', ''], ...cells]),
    ...(held === null ? [] : [held]),
  ];
}

function heldLine({ attempts, cost, credit }: Reserved): string | null {
  if (attempts === 0) return null;
  const held = [...(cost > 0 || credit === 0 ? [formatUsd(cost)] : []), ...(credit > 0 ? [`${formatUsd(credit)} of a credit`] : [])];
  return `Under way: ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}, with ${held.join(' and ')} reserved that is not spent yet.`;
}

function cellsOf(row: CostRow): string[] {
  const part = (amount: MicroUsd, what: string): string[] => (amount > 0 ? [`${formatUsd(amount)} ${what}`] : []);
  const notes = [
    ...part(row.estimated, 'of it estimated'),
    ...part(row.worstCase, 'of it worst case'),
    ...part(row.late, 'of it known late'),
    ...part(row.analysis, 'of it analysis'),
    ...part(row.covered, 'besides, at list price, paid by a subscription or a credit'),
    ...(row.unpriced > 0 ? [`besides ${row.unpriced} without a known price`] : []),
  ];
  const counts = [row.attempts, row.uses].map(String);
  return [plain(row.name), formatUsd(row.cost), ...counts, tokens(row.inputTokens), tokens(row.outputTokens), notes.join(', ')];
}

/** `950`, `12k`, `31M`. */
const tokens = (count: number): string =>
  count < 10_000 ? String(count) : count < 10_000_000 ? `${Math.round(count / 1_000)}k` : `${Math.round(count / 1_000_000)}M`;
