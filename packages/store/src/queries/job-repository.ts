import type { Queryable } from '../pool.ts';

/** The repository a plan works in. */
export async function findPlanRepository(tx: Queryable, planId: string): Promise<string | undefined> {
  const { rows } = await tx.query<{ repositoryId: string }>('select repository_id as "repositoryId" from cyrus.plan where id = $1', [
    planId,
  ]);
  return rows[0]?.repositoryId;
}
