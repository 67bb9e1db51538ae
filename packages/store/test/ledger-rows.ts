import type { BudgetLimits, BudgetRules } from 'cyrus-core/budget';
import { createCalendar } from 'cyrus-core/calendar';
import type { Database, Queryable } from '../src/pool.ts';

export const usd = (amount: number): number => Math.round(amount * 1_000_000);

/** Budgets in dollars; those not named have no limit. */
export function rulesOf(limits: Partial<BudgetLimits> & { readonly zone?: string } = {}): BudgetRules {
  const { zone = 'UTC', ...given } = limits;
  const calendar = createCalendar(zone);
  const none = { month: null, day: null, repository: null, issue: null, task: null, attempt: null, credit: null };
  return {
    calendar,
    limits: () => ({ ...none, ...Object.fromEntries(Object.entries(given).map(([k, v]) => [k, v === null ? null : usd(v)])) }),
  };
}

/** An issue with a plan and a task of one repository. */
export async function insertTask(db: Queryable, id: string, repository = 'app'): Promise<void> {
  await db.query(`insert into cyrus.issue (id, workspace, identifier, title) values ($1, 'w', $1, 'An issue')`, [`issue-${id}`]);
  await db.query(
    `insert into cyrus.plan (id, issue_id, number, procedure, repository_id, branch, state) values ($1, $2, 1, 'builder', $3, 'cyrus/x', 'running')`,
    [`plan-${id}`, `issue-${id}`, repository],
  );
  await db.query(
    `insert into cyrus.task (id, plan_id, key, procedure, prompt, state) values ($1, $2, 'main', 'builder', 'do it', 'running')`,
    [`task-${id}`, `plan-${id}`],
  );
}

export interface Held {
  readonly cost?: number;
  readonly billing?: 'list' | 'included' | 'credit';
  readonly estimate?: number | null;
  readonly number?: number;
  readonly executor?: string;
}

/** A running attempt of `insertTask(id)` that holds `cost` dollars. Resolves with its id. */
export async function insertAttempt(db: Queryable, id: string, held: Held = {}): Promise<string> {
  const { cost = 0, billing = 'list', estimate = null, number = 1, executor = 'agent' } = held;
  const attempt = `attempt-${id}-${number}`;
  await db.query(
    `insert into cyrus.attempt (id, task_id, plan_id, number, executor_id, state, started_at) values ($1, $2, $3, $4, $5, 'running', clock_timestamp())`,
    [attempt, `task-${id}`, `plan-${id}`, number, executor],
  );
  await db.query(
    'insert into cyrus.reservation (attempt_id, executor_id, slots, memory_mb, cost, billing, estimate) values ($1, $2, 1, 400, $3, $4, $5)',
    [attempt, executor, usd(cost), billing, estimate === null ? null : usd(estimate)],
  );
  return attempt;
}

/** What a day has charged, and what is held besides: in one look, as nobody who reserves sees it. Dollars. */
export async function dayOf(
  db: Database,
  day: string,
): Promise<{ readonly spent: number; readonly held: number; readonly charges: number }> {
  const { rows } = await db.query<{ spent: number; held: number; charges: number }>(
    `select coalesce((select spent from cyrus.budget where scope = 'day' and key = $1), 0) as spent,
       coalesce((select sum(greatest(cost - charged, intended)) from cyrus.reservation where released_at is null and billing = 'list'), 0) as held,
       coalesce((select sum(cost) from cyrus.charge where booked_day = $1), 0) as charges`,
    [day],
  );
  const row = rows[0] ?? { spent: 0, held: 0, charges: 0 };
  return { spent: row.spent / 1e6, held: row.held / 1e6, charges: row.charges / 1e6 };
}

/** What stands in the book for an attempt. Dollars. */
export async function chargesOf(db: Queryable, attemptId: string): Promise<readonly string[]> {
  const { rows } = await db.query<{
    cost: number | null;
    price: number | null;
    trust: string;
    superseded: boolean;
    worst: boolean;
    billing: string;
  }>('select cost, price, trust, superseded, worst_case as worst, billing from cyrus.charge where attempt_id = $1 order by id', [
    attemptId,
  ]);
  const money = (amount: number | null): string => (amount === null ? 'unpriced' : String(amount / 1e6));
  return rows.map(({ cost, price, trust, superseded, worst, billing }) =>
    [
      `${money(cost)} ${trust}`,
      ...(price !== cost ? [`listed ${money(price)}`] : []),
      ...(superseded ? ['superseded'] : []),
      ...(worst ? ['worst case'] : []),
      ...(billing === 'list' ? [] : [billing]),
    ].join(', '),
  );
}
