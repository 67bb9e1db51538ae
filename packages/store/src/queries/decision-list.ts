import type { Failure } from 'cyrus-core/failure';
import type { AttemptState } from 'cyrus-core/states';
import type { Queryable } from '../pool.ts';

interface Spread {
  readonly p50: number;
  readonly p90: number;
}

/** What was expected of an attempt. Micro-dollars and milliseconds. */
export interface StoredEstimate {
  readonly cost: Spread;
  readonly durationMs: Spread;
  readonly success: number;
  readonly from: string;
}

/** One choice of an executor, and what became of it. */
export interface StoredDecision {
  /** Of the attempt. */
  readonly number: number;
  readonly executorId: string;
  readonly reason: string;
  readonly strategy: string;
  readonly estimate: StoredEstimate;
  readonly analysis: StoredAnalysis;
  readonly alternatives: readonly {
    readonly executorId: string;
    readonly kind: 'local' | 'cloud';
    readonly possible: boolean;
    readonly why: string;
    readonly estimate: StoredEstimate;
  }[];
  readonly at: number;
  readonly state: AttemptState;
  /** Micro-dollars so far; null: nothing priced. */
  readonly cost: number | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly failure: Failure | null;
}

/** What a task was taken for. */
export interface StoredAnalysis {
  readonly type: string;
  readonly complexity: string;
  readonly urgency: string;
  readonly requiresContext: string;
  readonly requiresIsolation: boolean;
  readonly requiresParallelExecution: boolean;
  readonly labels: readonly string[];
  readonly reasons: readonly string[];
  readonly refinedBy: string | null;
}

/** Every decision on who does a task, oldest first. */
export async function decisionsOf(db: Queryable, taskId: string): Promise<readonly StoredDecision[]> {
  const { rows } = await db.query<StoredDecision>(
    `select d.number, d.executor_id as "executorId", d.reason, d.strategy, d.estimate, d.analysis, d.alternatives, d.at, a.state,
       (select sum(c.cost) from cyrus.charge c where c.attempt_id = a.id and not c.superseded) as cost,
       a.started_at as "startedAt", a.ended_at as "endedAt", a.failure
     from cyrus.decision d join cyrus.attempt a on a.task_id = d.task_id and a.number = d.number
     where d.task_id = $1 order by d.number`,
    [taskId],
  );
  return rows;
}

/** What a task is taken for; null: it never was looked at. */
export async function analysisOf(db: Queryable, taskId: string): Promise<StoredAnalysis | null> {
  const { rows } = await db.query<{ analysis: StoredAnalysis | null }>('select analysis from cyrus.task where id = $1', [taskId]);
  return rows[0]?.analysis ?? null;
}
