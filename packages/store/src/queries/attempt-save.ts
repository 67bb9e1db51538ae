import type { AttemptRun, CheckoutInfo, Evidence, Interruption } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import type { AttemptState } from 'cyrus-core/states';
import { type Tx, toTimestamp } from '../pool.ts';

const json = (value: unknown): string | null => (value === null || value === undefined ? null : JSON.stringify(value));

export interface AttemptPatch {
  readonly state: AttemptState;
  readonly checkout: CheckoutInfo | null;
  /** Null: as it was. */
  readonly runRef: unknown;
  readonly run: AttemptRun | null;
  /** What a follow-up of the conversation continues from now on; null: as it was. */
  readonly conversationRef: unknown;
  readonly messageN: number;
  readonly steeredN: number;
  readonly deliveredN: number;
  readonly headSha: string | null;
  readonly evidence: Evidence | null;
  readonly output: string | null;
  readonly failure: Failure | null;
  readonly interruption: Interruption | null;
  /** Its live jobs are to end now; what they left is collected. */
  readonly killJobs: boolean;
  readonly progressAt: number | null;
  readonly conversationStarted: boolean;
  readonly ended: boolean;
  readonly jobMessages: readonly { readonly jobId: string; readonly n: number; readonly body: string }[];
}

/** Stores where an attempt stands. Whoever ends it closes its books too, with `releaseReservation`. */
export async function saveAttempt(tx: Tx, id: string, conversationId: string, patch: AttemptPatch): Promise<void> {
  tx.send(
    `update cyrus.attempt set state = $2, checkout = $3, run_ref = coalesce($4::jsonb, run_ref), message_n = $5, steered_n = $6, delivered_n = $7,
       head_sha = $8, evidence = $9, output = $10, failure = $11, progress_at = $12, interruption = $15,
       base_sha = coalesce(base_sha, $3::jsonb ->> 'baseSha'),
       started_at = case when $2 = 'running' then coalesce(started_at, $13::timestamptz, clock_timestamp()) else started_at end,
       ended_at = case when $14 then coalesce($13::timestamptz, clock_timestamp()) else ended_at end, run = $16
     where id = $1`,
    [
      id,
      patch.state,
      json(patch.checkout),
      json(patch.runRef),
      patch.messageN,
      patch.steeredN,
      patch.deliveredN,
      patch.headSha,
      json(patch.evidence),
      patch.output,
      json(patch.failure),
      patch.progressAt === null ? null : toTimestamp(patch.progressAt),
      tx.manualNow(),
      patch.ended,
      json(patch.interruption),
      json(patch.run),
    ],
  );
  if (patch.conversationRef !== null)
    tx.send('update cyrus.conversation set ref = $2 where id = $1', [conversationId, json(patch.conversationRef)]);
  if (patch.conversationStarted) tx.send('update cyrus.conversation set started = true where id = $1 and not started', [conversationId]);
  if (patch.killJobs)
    tx.send(
      `with kill as (
         update cyrus.host_job set kill_requested_at = coalesce($2::timestamptz, clock_timestamp())
          where attempt_id = $1 and state in ('queued', 'running') and kind <> 'collect' and kill_requested_at is null)
       select pg_notify('host', '')`,
      [id, tx.manualNow()],
    );
  if (patch.jobMessages.length > 0)
    tx.send(
      `with added as (
         insert into cyrus.job_message (job_id, n, body) select "jobId", n, body from jsonb_to_recordset($1::jsonb) as m("jobId" text, n int, body text)
         on conflict do nothing)
       select pg_notify('host', '')`,
      [JSON.stringify(patch.jobMessages)],
    );
}
