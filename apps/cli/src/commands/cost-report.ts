import type { MicroUsd } from 'cyrus-core/money';
import { createBudgetRules } from 'cyrus-edge-worker/money/budget-rules';
import { openHoldings } from 'cyrus-store/queries/budget-load';
import { type CostGroup, costReport as readReport } from 'cyrus-store/queries/cost-report';
import type { CommandContext } from '../context.ts';
import { type Reserved, reportLines } from '../cost-lines.ts';
import { withStore } from '../open-home.ts';

export interface CostReportOptions {
  readonly period: 'day' | 'week' | 'month';
  readonly by: CostGroup;
  readonly json?: boolean;
}

const dayMs = 86_400_000;

/** `cyrus cost-report`: what was spent today, in the last seven days, or this month, and on what. */
export async function costReport({ home, config, terminal }: CommandContext, options: CostReportOptions): Promise<void> {
  const { by, period } = options;
  const { calendar } = createBudgetRules(config);
  const { timeZone } = calendar;
  const { since, report, reserved } = await withStore(home, config(), async ({ db }) => {
    const now = await db.now();
    const start = { day: calendar.day(now).start, week: calendar.day(now - 6 * dayMs).start, month: calendar.month(now).start };
    return { since: start[period], report: await readReport(db, by, start[period]), reserved: reservedOf(await openHoldings(db)) };
  });
  if (options.json) return terminal.out(JSON.stringify({ since: new Date(since).toISOString(), timeZone, by, ...report, reserved }));
  const [first, head, ...rest] = reportLines({ ...report, by, since, timeZone, reserved });
  terminal.out(first);
  if (head !== undefined) terminal.out(terminal.style('dim', head));
  for (const line of rest) terminal.out(line);
}

/** What attempts under way have set aside besides what they have spent. What a subscription pays for is not held. */
function reservedOf(holdings: readonly { readonly billing: string; readonly held: MicroUsd }[]): Reserved {
  const sum = (billing: string): MicroUsd => holdings.reduce((all, one) => all + (one.billing === billing ? one.held : 0), 0);
  return { attempts: holdings.length, cost: sum('list'), credit: sum('credit') };
}
