import type { Tx } from '../pool.ts';

/** What a message needs to know of its session. */
export interface MessageSession {
  readonly id: string;
  readonly source: string;
  readonly workspace: string;
  readonly issueId: string;
  readonly nextSeq: number;
  readonly planId: string | null;
  /** The workspace removed our app: nothing can be said in it, until somebody speaks to us there again. */
  readonly revoked: boolean;
}

export const messageSessionColumns: string =
  'id, source, workspace, issue_id as "issueId", next_seq as "nextSeq", plan_id as "planId", context ? \'revoked\' as revoked';

/** Locks the session that a message goes to: messages are numbered, and turns opened and closed, under this lock alone. */
export async function lockMessageSession(tx: Tx, sessionId: string): Promise<MessageSession | null> {
  const { rows } = await tx.query<MessageSession>(`select ${messageSessionColumns} from cyrus.session where id = $1 for update`, [
    sessionId,
  ]);
  return rows[0] ?? null;
}
