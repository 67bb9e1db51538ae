import type { MicroUsd } from 'cyrus-core/money';
import { type Queryable, toTimestamp } from '../pool.ts';

export type CostGroup = 'repository' | 'issue' | 'executor' | 'model';

/** What was spent on one repository, issue, executor or model. Micro-dollars. */
export interface CostRow {
  readonly name: string;
  readonly attempts: number;
  /** Uses of models that count: calls, or what an agent reported at once. */
  readonly uses: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cost: MicroUsd;
  /** Of `cost`: what was assumed of runs whose cost nobody tells. */
  readonly estimated: MicroUsd;
  /** List price of what subscriptions and credits pay for. */
  readonly covered: MicroUsd;
  /** Uses without a price. */
  readonly unpriced: number;
}

const groups: Readonly<Record<CostGroup, string>> = {
  repository: 'p.repository_id',
  issue: 'i.identifier',
  executor: 'a.executor_id',
  model: 'c.model',
};

/** What was spent since `since` (epoch milliseconds), the most first. */
export async function costReport(db: Queryable, by: CostGroup, since: number): Promise<readonly CostRow[]> {
  const { rows } = await db.query<CostRow>(
    `select ${groups[by]} as name, count(distinct c.attempt_id) as attempts, count(*) as uses,
       sum(c.input_tokens + c.cache_read_tokens + c.cache_write_tokens) as "inputTokens", sum(c.output_tokens) as "outputTokens",
       coalesce(sum(c.cost), 0) as cost, coalesce(sum(c.cost) filter (where c.trust = 'estimated'), 0) as estimated,
       coalesce(sum(c.price) filter (where c.billing <> 'list'), 0) as covered, count(*) filter (where c.price is null) as unpriced
     from cyrus.charge c join cyrus.attempt a on a.id = c.attempt_id join cyrus.plan p on p.id = a.plan_id join cyrus.issue i on i.id = p.issue_id
     where c.at >= $1::timestamptz and not c.superseded group by 1 order by cost desc, covered desc, name`,
    [toTimestamp(since)],
  );
  return rows;
}
