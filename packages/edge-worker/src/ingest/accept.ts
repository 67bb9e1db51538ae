import { priority } from 'cyrus-core/domain/effects';
import type { Tx } from 'cyrus-store/pool';
import { type Arrival, insertInbox } from 'cyrus-store/queries/inbox-insert';
import type { ArrivedSession } from 'cyrus-store/queries/message-session-create';
import { lockMessageSession } from 'cyrus-store/queries/message-session-lock';
import { busySessionsOfIssue } from 'cyrus-store/queries/message-sessions-of-issue';
import { insertWrites } from 'cyrus-store/queries/outbound-insert';
import { acceptMessage, type Placed, placeMessage, type Saying } from './accept-message.ts';

/** What an arrival asks of us. */
export type Request =
  | { readonly kind: 'message'; readonly session: ArrivedSession; readonly opens: boolean; readonly saying: Saying }
  /** To a session that is there; it may be any source's. */
  | { readonly kind: 'say'; readonly sessionId: string; readonly saying: Saying }
  /** The issue was taken from us: a stop for every session that works on it. */
  | { readonly kind: 'unassigned'; readonly issueId: string; readonly saying: Saying }
  /** A session about something else than an issue: it gets its answer at once and is forgotten. */
  | { readonly kind: 'no-issue'; readonly sessionId: string; readonly workspace: string }
  | { readonly kind: 'ignored'; readonly reason: string };

export type Accepted =
  | { readonly outcome: 'duplicate' }
  | { readonly outcome: 'ignored'; readonly reason: string }
  | { readonly outcome: 'accepted'; readonly placed: readonly Placed[]; readonly credentials: readonly string[] };

/** Takes in one arrival, in the transaction given: once, however often it is delivered. */
export async function accept(tx: Tx, arrival: Arrival, request: Request): Promise<Accepted> {
  if (!(await insertInbox(tx, arrival))) return { outcome: 'duplicate' };
  switch (request.kind) {
    case 'ignored':
      return { outcome: 'ignored', reason: request.reason };
    case 'message':
      return accepted([await acceptMessage(tx, request)]);
    case 'say': {
      const session = await lockMessageSession(tx, request.sessionId);
      if (!session) throw new Error(`there is no session ${request.sessionId}`);
      return accepted([await placeMessage(tx, session, request.saying)]);
    }
    case 'unassigned': {
      const placed: Placed[] = [];
      for (const id of await busySessionsOfIssue(tx, request.issueId)) {
        const session = await lockMessageSession(tx, id);
        if (session) placed.push(await placeMessage(tx, session, request.saying));
      }
      return accepted(placed);
    }
    case 'no-issue': {
      const credential = `linear:${request.workspace}`;
      const content = { type: 'error', body: noIssue };
      await insertWrites(tx, [
        {
          key: `session:${request.sessionId}:no-issue`,
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
