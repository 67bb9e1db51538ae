import type { Queryable } from '../pool.ts';

/** What the stored events of an attempt's run say already to whoever goes on reading them. */
export interface FollowedSoFar {
  /** That of its `complete`, if that came. */
  readonly result: unknown;
  /** The last message that the agent has certainly read; 0: none. */
  readonly lastDelivered: number;
  /** What it asked last. */
  readonly question: { readonly question: string; readonly options?: readonly string[] } | undefined;
}

export async function followedSoFar(db: Queryable, attemptId: string): Promise<FollowedSoFar> {
  const { rows } = await db.query<{ result: unknown; delivered: number; question: FollowedSoFar['question'] | null }>(
    `select (array_agg(payload -> 'result' order by attempt_seq desc) filter (where type = 'complete'))[1] as result,
       coalesce(max((payload ->> 'messageId')::int) filter (where type = 'delivered'), 0) as delivered,
       (array_agg(payload order by attempt_seq desc) filter (where type = 'needs-input'))[1] as question
     from cyrus.event where attempt_id = $1 and attempt_seq is not null`,
    [attemptId],
  );
  const row = rows[0];
  return {
    result: row?.result ?? null,
    lastDelivered: row?.delivered ?? 0,
    question: row?.question ?? undefined,
  };
}
