import type { Tx } from '../pool.ts';
import type { ConditionRow } from './executor-status.ts';

export interface LoadedFallback {
  /** Executors without a row are ready. */
  readonly conditions: readonly ConditionRow[];
  /** As it was stored with the task; null: it never was. */
  readonly analysis: unknown;
  /** Agents on this machine are isolated from it. */
  readonly hostIsolated: boolean;
}

/** What a plan needs to know when its task's executor has failed. */
export async function loadFallback(tx: Tx, taskId: string): Promise<LoadedFallback> {
  const { rows } = await tx.query<{ conditions: ConditionRow[] | null; analysis: unknown; hostIsolated: boolean }>(
    `select t.analysis, (select coalesce(bool_and(h.isolation <> 'none'), true) from cyrus.host h) as "hostIsolated",
       (select json_agg(json_build_object('executorId', c.executor_id, 'state', c.state, 'reason', c.reason, 'failure', c.failure,
          'trial', c.trial, 'until', floor(extract(epoch from c.until) * 1000))) from cyrus.executor_condition c) as conditions
     from cyrus.task t where t.id = $1`,
    [taskId],
  );
  return { conditions: rows[0]?.conditions ?? [], analysis: rows[0]?.analysis ?? null, hostIsolated: rows[0]?.hostIsolated ?? true };
}
