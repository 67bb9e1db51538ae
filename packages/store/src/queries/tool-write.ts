import type { OutboundDraft } from 'cyrus-core/domain/effects';
import type { Failure } from 'cyrus-core/failure';
import type { Database, Queryable } from '../pool.ts';
import { insertWrites } from './outbound-insert.ts';

/** Where an agent's tools act: its plan's issue in the tracker. */
export interface ToolPlace {
  readonly attemptId: string;
  readonly taskId: string;
  readonly planId: string;
  readonly issueId: string;
  readonly identifier: string;
  readonly workspace: string;
  readonly sessionId: string;
}

/** Null where the issue is in no tracker: a task from a terminal. */
export async function toolPlace(db: Queryable, attemptId: string): Promise<ToolPlace | null> {
  const { rows } = await db.query<ToolPlace>(
    `select a.id as "attemptId", a.task_id as "taskId", p.id as "planId", i.id as "issueId", i.identifier, i.workspace, s.id as "sessionId"
     from cyrus.attempt a join cyrus.plan p on p.id = a.plan_id join cyrus.issue i on i.id = p.issue_id
       join cyrus.session s on s.issue_id = i.id and s.source = 'linear'
     where a.id = $1 order by (s.plan_id = p.id) desc nulls last, s.created_at limit 1`,
    [attemptId],
  );
  return rows[0] ?? null;
}

export interface ToolWrite {
  readonly draft: OutboundDraft;
  readonly attemptId: string;
  readonly taskId: string;
  /** How many of its kind a task may have made. */
  readonly atMost?: number;
}

/** Queues a write that an agent asked for, as long as its attempt lives. Asked for again, also by a later attempt, it is the same write. */
export function queueToolWrite(db: Database, { draft, attemptId, taskId, atMost }: ToolWrite): Promise<'queued' | 'ended' | 'too_many'> {
  return db.tx(async (tx) => {
    const { rows } = await tx.query<{ lives: boolean; known: boolean; made: number }>(
      `select pg_advisory_xact_lock(hashtextextended('tools:' || $2, 0)),
         exists (select from cyrus.attempt a where a.id = $1 and a.state in ('starting', 'running')
           and not exists (select from cyrus.stop_request s where s.plan_id = a.plan_id)) as lives,
         exists (select from cyrus.outbound_write where key = $3) as known`,
      [attemptId, taskId, draft.key],
    );
    if (!rows[0]?.lives) return 'ended';
    if (!rows[0].known && atMost !== undefined) {
      const made = await tx.query<{ made: number }>(
        `select count(*)::int as made from cyrus.outbound_write where lane = $1 and kind = $2 and state not in ('rejected', 'cancelled')`,
        [draft.lane, draft.kind],
      );
      if ((made.rows[0]?.made ?? 0) >= atMost) return 'too_many';
    }
    await insertWrites(tx, [draft]);
    return 'queued';
  });
}

export interface ToolWriteState {
  readonly state: 'queued' | 'sending' | 'sent' | 'rejected' | 'cancelled';
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly failure: Failure | null;
}

export async function toolWriteState(db: Queryable, key: string): Promise<ToolWriteState | null> {
  const { rows } = await db.query<ToolWriteState>('select state, result, failure from cyrus.outbound_write where key = $1', [key]);
  return rows[0] ?? null;
}
