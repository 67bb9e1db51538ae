import type { Tx } from '../pool.ts';

/** An issue as it was known before an event about it. */
export interface KnownIssue {
  readonly title: string;
  readonly description: string;
  /** Of its workflow state; null: never read. */
  readonly stateType: string | null;
  readonly delegateId: string | null;
  /** As of when it is known, by the tracker's clock in epoch milliseconds; null: not told. */
  readonly changedAt: number | null;
  /** The users that our app is in the issue's sessions. */
  readonly appUserIds: readonly string[];
  /** When somebody last asked for work on it, by the tracker's clock where it told. */
  readonly askedAt: number | null;
}

/** Locks an issue and reads what an event about it is judged by; null for one that nobody asked us anything about. Sessions are locked before issues. */
export async function lockKnownIssue(tx: Tx, issueId: string): Promise<KnownIssue | null> {
  const { rows } = await tx.query<KnownIssue>(
    `select i.title, i.description, i.details -> 'state' ->> 'type' as "stateType", i.details ->> 'delegateId' as "delegateId",
       i.changed_at as "changedAt",
       array(select distinct s.context ->> 'appUserId' from cyrus.session s where s.issue_id = i.id and s.context ? 'appUserId') as "appUserIds",
       (select max(m.at) from cyrus.session s join cyrus.message m on m.session_id = s.id
         where s.issue_id = i.id and coalesce(m.signal, '') not in ('stop', 'overtaken', 'refused', 'edited')) as "askedAt"
     from cyrus.issue i where i.id = $1 for no key update of i`,
    [issueId],
  );
  return rows[0] ?? null;
}
