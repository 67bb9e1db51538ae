import { formatUsd } from 'cyrus-core/money';
import { createBudgetRules } from 'cyrus-edge-worker/money/budget-rules';
import { type CostGroup, type CostRow, costReport as readReport } from 'cyrus-store/queries/cost-report';
import type { CommandContext } from '../context.ts';
import { withStore } from '../open-home.ts';
import { table } from '../terminal.ts';

export interface CostReportOptions {
  readonly period: 'day' | 'week' | 'month';
  readonly by: CostGroup;
  readonly json?: boolean;
}

const dayMs = 86_400_000;

/** `cyrus cost-report`: what was spent today, in the last seven days, or this month, and on what. */
export async function costReport({ home, config, terminal }: CommandContext, options: CostReportOptions): Promise<void> {
  const { calendar } = createBudgetRules(config);
  const { since, rows } = await withStore(home, config(), async ({ db }) => {
    const now = await db.now();
    const start = { day: calendar.day(now).start, week: calendar.day(now - 6 * dayMs).start, month: calendar.month(now).start };
    return { since: start[options.period], rows: await readReport(db, options.by, start[options.period]) };
  });
  const total = rows.reduce<Omit<CostRow, 'name'>>(add, none);
  if (options.json) {
    terminal.out(JSON.stringify({ since: new Date(since).toISOString(), timeZone: calendar.timeZone, by: options.by, rows, total }));
    return;
  }
  const from = new Intl.DateTimeFormat('en-CA', { timeZone: calendar.timeZone, dateStyle: 'short' }).format(since);
  if (rows.length === 0) return terminal.out(`Nothing was used since ${from}.`);
  const cells = [...rows, ...(rows.length > 1 ? [{ name: 'together', ...total }] : [])].map(cellsOf);
  const [head, ...body] = table([[options.by.toUpperCase(), 'COST', 'ATTEMPTS', 'USES', 'IN', 'OUT', ''], ...cells]);
  terminal.out(`Since ${from} (${calendar.timeZone}), by ${options.by}:`);
  terminal.out(terminal.style('dim', head ?? ''));
  for (const row of body) terminal.out(row);
}

const none: Omit<CostRow, 'name'> = {
  attempts: 0,
  uses: 0,
  inputTokens: 0,
  outputTokens: 0,
  cost: 0,
  estimated: 0,
  covered: 0,
  unpriced: 0,
};

function add(sum: Omit<CostRow, 'name'>, { name: _, ...row }: CostRow): Omit<CostRow, 'name'> {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key, value + sum[key as keyof typeof sum]]),
  ) as unknown as typeof sum;
}

const short = (tokens: number): string =>
  tokens < 10_000 ? String(tokens) : tokens < 10_000_000 ? `${Math.round(tokens / 1_000)}k` : `${Math.round(tokens / 1_000_000)}M`;

function cellsOf(row: CostRow): string[] {
  const notes = [
    ...(row.estimated > 0 ? [`${formatUsd(row.estimated)} of it estimated`] : []),
    ...(row.covered > 0 ? [`${formatUsd(row.covered)} at list price included`] : []),
    ...(row.unpriced > 0 ? [`${row.unpriced} unpriced`] : []),
  ];
  const counts = [row.attempts, row.uses].map(String);
  return [row.name, formatUsd(row.cost), ...counts, short(row.inputTokens), short(row.outputTokens), notes.join(', ')];
}
