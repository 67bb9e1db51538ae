import { priority } from 'cyrus-core/domain/effects';
import type { Tx } from 'cyrus-store/pool';
import { type Arrival, insertInbox } from 'cyrus-store/queries/inbox-insert';
import { holdIssue } from 'cyrus-store/queries/issue-taken-away';
import type { ArrivedSession } from 'cyrus-store/queries/message-session-create';
import { lockMessageSession } from 'cyrus-store/queries/message-session-lock';
import { insertWrites } from 'cyrus-store/queries/outbound-insert';
import { acceptMessage, findOrHold, type Placed, placeMessage, type Saying, type StopPolicy } from './accept-message.ts';
import { endAccess, revoke } from './access-events.ts';
import { endIssue, type IssueEnd, type IssueUpdated, lookAgain, takeIssueUpdate } from './issue-events.ts';

/** What an arrival asks of us. */
export type Request =
  | { readonly kind: 'message'; readonly session: ArrivedSession; readonly opens: boolean; readonly saying: Saying }
  /** To a session that is there; it may be any source's. */
  | { readonly kind: 'say'; readonly sessionId: string; readonly saying: Saying }
  /** The issue is no longer ours to work on: a stop for every session of it. `gone`: there is no such issue any more. */
  | { readonly kind: 'issue-ended'; readonly end: IssueEnd; readonly gone: boolean }
  | { readonly kind: 'issue-updated'; readonly event: IssueUpdated; readonly tellEdits: boolean }
  /** Teams whose issues we may no longer see: a stop for the work on those. */
  | { readonly kind: 'access-ended'; readonly workspace: string; readonly teamIds: readonly string[]; readonly at: number | null }
  /** The workspace removed our app: everything in it ends, and nothing more can be said there. */
  | { readonly kind: 'revoked'; readonly workspace: string; readonly at: number | null }
  /** A session about something else than an issue: each message in it gets its answer at once and is forgotten. */
  | { readonly kind: 'no-issue'; readonly sessionId: string; readonly workspace: string; readonly activityId: string | null }
  | { readonly kind: 'ignored'; readonly reason: string };

export type Accepted =
  | { readonly outcome: 'duplicate' }
  | { readonly outcome: 'ignored'; readonly reason: string }
  | { readonly outcome: 'accepted'; readonly placed: readonly Placed[]; readonly credentials: readonly string[] };

/** Takes in one arrival, in the transaction given: once, however often it is delivered. */
export async function accept(tx: Tx, arrival: Arrival, request: Request, policy?: StopPolicy): Promise<Accepted> {
  // Together, since a webhook waits for each answer of the database.
  const [isNew, known] = await Promise.all([insertInbox(tx, arrival), request.kind === 'message' ? findOrHold(tx, request) : null]);
  if (!isNew) return { outcome: 'duplicate' };
  switch (request.kind) {
    case 'ignored':
      return { outcome: 'ignored', reason: request.reason };
    case 'message':
      return accepted([await acceptMessage(tx, request, known, policy)]);
    case 'say': {
      const session = await lockMessageSession(tx, request.sessionId);
      if (!session) throw new Error(`there is no session ${request.sessionId}`);
      return accepted([await placeMessage(tx, session, request.saying)]);
    }
    case 'issue-ended':
      if (request.gone) await lookAgain(tx, request.end.issueId);
      holdIssue(tx, request.end.issueId);
      return accepted(await endIssue(tx, request.end));
    case 'issue-updated':
      return accepted(await takeIssueUpdate(tx, request.event, request));
    case 'access-ended':
      return accepted(await endAccess(tx, request));
    case 'revoked':
      return accepted(await revoke(tx, request));
    case 'no-issue': {
      const credential = `linear:${request.workspace}`;
      const { activityId } = request;
      const content = { type: 'error', body: noIssue };
      await insertWrites(tx, [
        {
          key: `session:${request.sessionId}:no-issue${activityId === null ? '' : `:${activityId}`}`,
          credential,
          lane: `session:${request.sessionId}`,
          priority: priority.acknowledgement,
          kind: 'activity',
          payload: { kind: 'activity', sessionId: request.sessionId, content },
          closing: true,
          sessionId: request.sessionId,
        },
      ]);
      return { outcome: 'accepted', placed: [], credentials: [credential] };
    }
  }
}

const noIssue =
  'This thread belongs to no issue, and issues are all that I work on. **What to do:** assign me an issue, or mention me in one.';

function accepted(placed: readonly Placed[]): Accepted {
  return { outcome: 'accepted', placed, credentials: placed.flatMap(({ credential }) => credential ?? []) };
}
