import type { MicroUsd } from 'cyrus-core/money';
import { type Queryable, toTimestamp } from '../pool.ts';

export const costGroups = ['repository', 'issue', 'executor', 'model'] as const;
export type CostGroup = (typeof costGroups)[number];

/** The row of what was spent before there was a repository and an executor: looks of a model at issues. */
export const analysisRow = '(analysis)';

/** What was spent, and how sure that is. Micro-dollars. */
export interface Costs {
  /** An attempt that used two models counts once here, and once in the row of each. */
  readonly attempts: number;
  /** Uses of models that count: calls, or what an agent reported at once. */
  readonly uses: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** What counts in budgets. */
  readonly cost: MicroUsd;
  /** Of `cost`: what was assumed, where nobody tells a cost. */
  readonly estimated: MicroUsd;
  /** Of `cost`: calls whose answer was lost, or is still to come, with the most they can have cost. */
  readonly worstCase: MicroUsd;
  /** Of `cost`: what was known, or known better, only after its attempt had ended. */
  readonly late: MicroUsd;
  /** Of `cost`: looks of a model at issues, before there was a task. */
  readonly analysis: MicroUsd;
  /** Besides `cost`: the list price of what subscriptions and credits pay for. */
  readonly covered: MicroUsd;
  /** Uses without a price, besides `cost`. */
  readonly unpriced: number;
}

/** The same of one repository, issue, executor or model. */
export interface CostRow extends Costs {
  readonly name: string;
}

const groups: Readonly<Record<CostGroup, string>> = {
  repository: `coalesce(p.repository_id, '${analysisRow}')`,
  issue: 'i.identifier',
  executor: `coalesce(a.executor_id, '${analysisRow}')`,
  // Of a run that nobody tells anything of, its executor stands in place of a model.
  model: `case when c.trust = 'estimated' and c.attempt_id is not null then '(' || c.model || ' runs)' else c.model end`,
};

/** What was spent since `since` (epoch milliseconds), the most first; `total` is the same however it is grouped. */
export async function costReport(
  db: Queryable,
  by: CostGroup,
  since: number,
): Promise<{ readonly rows: readonly CostRow[]; readonly total: Costs }> {
  const { rows } = await db.query<CostRow & { isTotal: number }>(
    `with used as (
       select ${groups[by]} as name, c.* from cyrus.charge c
       left join cyrus.attempt a on a.id = c.attempt_id left join cyrus.plan p on p.id = a.plan_id
       join cyrus.issue i on i.id = coalesce(c.issue_id, p.issue_id)
       where c.at >= $1::timestamptz and not c.superseded)
     select coalesce(name, '') as name, grouping(name) as "isTotal", count(distinct attempt_id) as attempts, count(*) as uses,
       coalesce(sum(input_tokens + cache_read_tokens + cache_write_tokens), 0) as "inputTokens", coalesce(sum(output_tokens), 0) as "outputTokens",
       coalesce(sum(cost), 0) as cost, coalesce(sum(cost) filter (where trust = 'estimated'), 0) as estimated,
       coalesce(sum(cost) filter (where worst_case and trust <> 'estimated'), 0) as "worstCase",
       coalesce(sum(cost) filter (where late), 0) as late, coalesce(sum(cost) filter (where attempt_id is null), 0) as analysis,
       coalesce(sum(price) filter (where billing <> 'list'), 0) as covered, count(*) filter (where price is null) as unpriced
     from used group by grouping sets ((name), ()) order by cost desc, covered desc, name`,
    [toTimestamp(since)],
  );
  const all = rows.map(({ isTotal, ...row }) => ({ isTotal: isTotal === 1, row }));
  const { name: _, ...total } = all.find(({ isTotal }) => isTotal)?.row ?? { name: '', ...none };
  return { rows: all.flatMap(({ isTotal, row }) => (isTotal ? [] : [row])), total };
}

const none: Costs = {
  ...{ attempts: 0, uses: 0, inputTokens: 0, outputTokens: 0, cost: 0, estimated: 0, worstCase: 0, late: 0, analysis: 0 },
  ...{ covered: 0, unpriced: 0 },
};
