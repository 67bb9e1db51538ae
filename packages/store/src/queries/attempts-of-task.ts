import type { Queryable } from '../pool.ts';

/** The ids of a task's attempts, the newest first. */
export async function attemptsOfTask(db: Queryable, taskId: string): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>('select id from cyrus.attempt where task_id = $1 order by number desc', [taskId]);
  return rows.map(({ id }) => id);
}
