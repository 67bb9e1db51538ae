import type { Issue } from 'cyrus-core/domain/issue';
import type { AnswerOption, Message, Session, Turn } from 'cyrus-core/domain/session';
import type { Tx } from '../pool.ts';
import { overtaken } from './message-insert.ts';
import { openedKey } from './reconcile-delegated.ts';

export interface LoadedSession {
  readonly session: Session;
  readonly issue: Issue;
  readonly turn: Turn | null;
  readonly messages: readonly Message[];
  readonly lastWriteAt: number | null;
  readonly stopRequested: boolean;
  /** We opened it ourselves for an issue that was delegated to us without one. */
  readonly openedForDelegation: boolean;
  /** The open question about the session's repository. */
  readonly planQuestion: 'agent' | 'policy' | 'budget' | null;
  readonly question: { readonly id: string; readonly seq: number; readonly options: readonly AnswerOption[] } | null;
}

/** Locks a session and reads what belongs to it: its issue, its open turn, the turn's messages and the unread ones. */
export async function loadSession(tx: Tx, id: string): Promise<LoadedSession | null> {
  const { rows: sessions } = await tx.query<Session>(
    `select id, source, workspace, issue_id as "issueId", context, read_seq as "readSeq", plan_id as "planId", issue_job as "issueJob",
       last_write_at as "lastWriteAt" from cyrus.session where id = $1 for update`,
    [id],
  );
  const session = sessions[0];
  if (!session) return null;
  const { rows } = await tx.query<{
    issue: Issue;
    turn_id: string | null;
    turn_opened: number | null;
    turn_opened_by: string | null;
    question: LoadedSession['question'];
    plan_question: LoadedSession['planQuestion'];
    messages: Message[] | null;
    last_write: number | null;
    stop_requested: boolean;
    opened: boolean;
  }>(
    `select json_build_object('id', i.id, 'workspace', i.workspace, 'identifier', i.identifier, 'title', i.title,
         'description', i.description, 'url', i.url, 'details', i.details) as issue,
       t.id as turn_id, t.opened_at as turn_opened, t.opened_by as turn_opened_by,
       (select json_build_object('id', q.id, 'seq', q.seq, 'options', coalesce(q.options, '[]'))
          from cyrus.question q where q.session_id = $1 and q.kind = 'route' and q.state = 'open' limit 1) as question,
       (select json_agg(json_build_object('seq', m.seq, 'turnId', m.turn_id, 'authorName', m.author_name, 'body', m.body, 'signal', m.signal,
           'authorId', m.author_id, 'authorEmail', m.author_email, 'at', extract(epoch from m.at) * 1000) order by m.seq)
          from cyrus.message m where m.session_id = $1 and (m.seq > $2 or m.turn_id = t.id) and m.signal is distinct from '${overtaken}') as messages,
       (select max(w.created_at) from cyrus.outbound_write w where w.session_id = $1) as last_write,
       (select case when q.topic like 'budget:%' then 'budget' else q.kind end from cyrus.question q where q.plan_id = $3 and q.state = 'open' limit 1) as plan_question,
       exists (select from cyrus.stop_request s where s.plan_id = $3) as stop_requested,
       exists (select from cyrus.outbound_write w where w.key = $5) as opened
     from cyrus.issue i left join cyrus.turn t on t.session_id = $1 and t.state = 'open' where i.id = $4`,
    [id, session.readSeq, session.planId, session.issueId, openedKey(session.issueId)],
  );
  const row = rows[0];
  if (!row) throw new Error(`session ${id} has no issue`);
  return {
    session,
    issue: row.issue,
    turn: row.turn_id === null ? null : { id: row.turn_id, openedAt: row.turn_opened ?? 0, openedBy: row.turn_opened_by ?? '' },
    messages: row.messages ?? [],
    lastWriteAt: row.last_write,
    stopRequested: row.stop_requested,
    openedForDelegation: row.opened,
    question: row.question,
    planQuestion: row.plan_question,
  };
}
