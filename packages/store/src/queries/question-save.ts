import type { Tx } from '../pool.ts';

export interface NewQuestion {
  readonly id: string;
  readonly kind: 'agent' | 'route' | 'policy';
  /** Of a policy question: what is to be decided. */
  readonly topic: string | null;
  readonly planId: string | null;
  readonly attemptId: string | null;
  readonly sessionId: string;
  readonly seq: number | null;
  readonly body: string;
  readonly options: unknown;
}

/** Stores a question that waits for a person, once. An open one of the same kind in the same session is withdrawn: one is asked at a time. */
export async function askQuestion(tx: Tx, question: NewQuestion): Promise<void> {
  await tx.query(
    `with withdrawn as (
       update cyrus.question set state = 'withdrawn' where session_id = $5 and kind = $2 and state = 'open' and id <> $1
     )
     insert into cyrus.question (id, kind, plan_id, attempt_id, session_id, seq, body, options, asked_at, topic)
     values ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9::timestamptz, clock_timestamp()), $10) on conflict (id) do nothing`,
    [
      question.id,
      question.kind,
      question.planId,
      question.attemptId,
      question.sessionId,
      question.seq,
      question.body,
      question.options === null ? null : JSON.stringify(question.options),
      tx.manualNow(),
      question.topic,
    ],
  );
}

/** Ends an open question: with an answer, or without one when nobody needs it any more. */
export async function endQuestion(tx: Tx, id: string, answer: string | null): Promise<void> {
  await tx.query(
    `update cyrus.question set state = case when $2::text is null then 'withdrawn' else 'answered' end, answer = $2,
       answered_at = coalesce($3::timestamptz, clock_timestamp()) where id = $1 and state = 'open'`,
    [id, answer, tx.manualNow()],
  );
}
