import { idOf } from 'cyrus-core/ids';
import type { Tx } from 'cyrus-store/pool';
import { holdIssue } from 'cyrus-store/queries/issue-taken-away';
import { findPlanRepository } from 'cyrus-store/queries/job-repository';
import { insertMessage, sendFirstMessage } from 'cyrus-store/queries/message-insert';
import { type ArrivedSession, createMessageSession } from 'cyrus-store/queries/message-session-create';
import { lockMessageSession, type MessageSession } from 'cyrus-store/queries/message-session-lock';
import { refreshMessageSession } from 'cyrus-store/queries/message-session-refresh';
import { cancelQueuedWrites } from 'cyrus-store/queries/outbound-cancel';
import { insertWrites } from 'cyrus-store/queries/outbound-insert';
import { reinstateSession } from 'cyrus-store/queries/session-revoke';
import { insertStopRequest } from 'cyrus-store/queries/turn-stop';
import { wake } from 'cyrus-store/wake';
import type { Sender } from 'cyrus-task-orchestrator/access';
import { refusedSignal } from 'cyrus-task-orchestrator/refused';
import { isStop } from 'cyrus-task-orchestrator/stop-words';
import { acknowledgement, credentialOf } from 'cyrus-task-orchestrator/tracker-writes';

/** One thing a person said. */
export interface Saying {
  /** The tracker's id of it; null where it has none of its own, as the request that opens a session. */
  readonly activityId: string | null;
  readonly authorId: string | null;
  readonly authorName: string | null;
  readonly authorEmail?: string | null;
  readonly body: string;
  readonly signal: string | null;
  /** Why there is a stop that nobody said. */
  readonly reason?: string;
  /** When it was said, in epoch milliseconds; absent: as it arrives. */
  readonly saidAt?: number;
  /** The issue was taken away since: nothing is said to it but its one answer. */
  readonly tooLate?: boolean;
}

/** Who may stop work. A stop is carried out here, so it is judged here; everything else is judged by the session. */
export interface StopPolicy {
  /** True when it depends on the repository of the work. */
  readonly perRepository: boolean;
  mayStop(sender: Sender, repositoryId: string | null): boolean;
}

/** Where a message went. `seq` is null when there was nothing to say: the session only learned more context. */
export interface Placed {
  readonly sessionId: string;
  readonly seq: number | null;
  readonly turnId: string | null;
  readonly opened: boolean;
  /** Whose broker has a first activity to send. */
  readonly credential: string | null;
  /** The plan whose stop was asked for. */
  readonly stopPlanId: string | null;
}

/** What opens a session or continues it. `opens`: it is the session's creation, whose words may be empty (the issue is the request). */
interface ArrivedMessage {
  readonly session: ArrivedSession;
  readonly opens: boolean;
  readonly saying: Saying;
}

/** What is more likely is tried first: a prompt finds its session and locks it; a creation finds none, and holds its issue. */
export async function findOrHold(tx: Tx, { session, opens }: ArrivedMessage): Promise<MessageSession | null> {
  if (!opens) return lockMessageSession(tx, session.id);
  holdIssue(tx, session.issue.id);
  return null;
}

/**
 * Puts what opens a session, or continues it, into the session: creates what is missing, so a prompt may come before the
 * creation it belongs to. `known`: what `findOrHold` came to.
 */
export async function acceptMessage(
  tx: Tx,
  { session, opens, saying }: ArrivedMessage,
  known: MessageSession | null,
  policy?: StopPolicy,
): Promise<Placed> {
  if (!known && !opens) holdIssue(tx, session.issue.id);
  const created = known ? null : await createMessageSession(tx, session, saying.saidAt);
  // A request that comes late, as one that was found, may have been taken back in the meantime.
  if (created) return placeMessage(tx, created, created.takenAway ? { ...saying, tooLate: true } : saying, policy, true);
  const present = known ?? (await lockMessageSession(tx, session.id));
  if (!present) throw new Error(`session ${session.id} vanished while it was created`);
  if (present.revoked) reinstateSession(tx, session.id);
  if (!opens) return placeMessage(tx, present, saying, policy);
  refreshMessageSession(tx, session);
  // A prompt came first and has begun the session: an empty creation has nothing to add to it.
  if (present.nextSeq > 1 && saying.body.trim() === '') {
    await wake(tx, [`session:${session.id}`]);
    return { sessionId: session.id, seq: null, turnId: null, opened: false, credential: null, stopPlanId: null };
  }
  return placeMessage(tx, present, saying, policy);
}

/**
 * Numbers a message into the open turn of a locked session, or opens one with its first activity; carries out a stop. `isNew`: this
 * transaction has added the session.
 */
export async function placeMessage(
  tx: Tx,
  session: MessageSession,
  saying: Saying,
  policy?: StopPolicy,
  isNew: boolean = false,
): Promise<Placed> {
  const seq = session.nextSeq;
  const asked = isStop(saying);
  const stop = asked && (!policy || (await mayStop(tx, session, saying, policy)));
  const row = {
    ...saying,
    ...(asked ? { signal: stop ? 'stop' : refusedSignal } : {}),
    sessionId: session.id,
    seq,
    newTurnId: idOf(`turn:${session.id}:${seq}`),
  };
  const { turnId, opened, settled } = isNew ? sendFirstMessage(tx, row) : await insertMessage(tx, row);
  if (settled && !(stop && session.planId !== null))
    return { sessionId: session.id, seq, turnId, opened, credential: null, stopPlanId: null };
  const credential = credentialOf(session);
  if (stop) {
    if (session.planId !== null) {
      const requestedBy = saying.authorName ?? saying.authorId ?? session.source;
      const reason = saying.reason === undefined ? {} : { reason: saying.reason };
      insertStopRequest(tx, { planId: session.planId, sessionId: session.id, requestedBy, ...reason });
    }
    await cancelQueuedWrites(tx, { turnId, planId: session.planId });
  } else if (opened && !saying.tooLate) {
    const to = { sessionId: session.id, source: session.source, workspace: session.workspace, turnId };
    await insertWrites(tx, [acknowledgement(to, firstActivity(seq))]);
  }
  await wake(tx, [`session:${session.id}`]);
  return {
    sessionId: session.id,
    seq,
    turnId,
    opened,
    credential: opened && !stop ? credential : null,
    stopPlanId: stop ? session.planId : null,
  };
}

async function mayStop(tx: Tx, session: MessageSession, saying: Saying, policy: StopPolicy): Promise<boolean> {
  const repository = policy.perRepository && session.planId !== null ? await findPlanRepository(tx, session.planId) : undefined;
  return policy.mayStop({ source: session.source, id: saying.authorId, email: saying.authorEmail ?? null }, repository ?? null);
}

/** What happens next, said at once. */
function firstActivity(seq: number): string {
  return seq === 1 ? 'Got it. Reading the issue…' : 'Got it. Picking this up…';
}
