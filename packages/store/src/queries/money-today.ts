import type { MicroUsd } from 'cyrus-core/money';
import type { Queryable } from '../pool.ts';

/** What budgets do not tell of a day. */
export interface MoneyToday {
  /** Uses of models that have no price. */
  readonly unpriced: number;
  /** List price of what subscriptions and credits pay for. */
  readonly covered: MicroUsd;
  /** Of what was spent: what was only assumed of runs. */
  readonly estimated: MicroUsd;
}

/** @param day as it is booked: `2026-11-21` */
export async function readMoneyToday(db: Queryable, day: string): Promise<MoneyToday> {
  const { rows } = await db.query<MoneyToday>(
    `select count(*) filter (where price is null) as unpriced,
       coalesce(sum(price) filter (where billing <> 'list'), 0) as covered,
       coalesce(sum(cost) filter (where trust = 'estimated'), 0) as estimated
     from cyrus.charge where booked_day = $1 and not superseded`,
    [day],
  );
  return rows[0] ?? { unpriced: 0, covered: 0, estimated: 0 };
}

/** Budgets of work under way of which a share was told, the fullest first. */
export async function toldBudgets(
  db: Queryable,
): Promise<readonly { readonly scope: 'issue' | 'task'; readonly identifier: string; readonly told: number; readonly spent: MicroUsd }[]> {
  const { rows } = await db.query<{ scope: 'issue' | 'task'; identifier: string; told: number; spent: number }>(
    `select b.scope, i.identifier, b.told, b.spent from cyrus.plan p join cyrus.issue i on i.id = p.issue_id
     join cyrus.budget b on (b.scope = 'issue' and b.key = i.id) or (b.scope = 'task' and b.key in (select t.id from cyrus.task t where t.plan_id = p.id))
     where p.state not in ('done', 'failed', 'stopped') and b.told >= 80 order by b.told desc, i.identifier limit 20`,
  );
  return rows;
}
