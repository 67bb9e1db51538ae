import type { Queryable } from '../pool.ts';

/** The base commit that a task's latest attempt with a checkout was given; undefined when it is not known. */
export async function findTaskBase(tx: Queryable, taskId: string): Promise<string | undefined> {
  const { rows } = await tx.query<{ base: string | null }>(
    `select checkout->>'baseSha' as base from cyrus.attempt
      where task_id = $1 and checkout is not null order by number desc limit 1`,
    [taskId],
  );
  return rows[0]?.base ?? undefined;
}
