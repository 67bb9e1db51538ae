import type { IssueDetails } from 'cyrus-core/domain/issue';
import type { Actor, IssueFacts, LinearEvent } from 'cyrus-linear/events';
import { escapeMarkdown } from 'cyrus-linear/text';
import type { Tx } from 'cyrus-store/pool';
import { type KnownIssue, lockKnownIssue } from 'cyrus-store/queries/issue-event-state';
import { refreshIssue } from 'cyrus-store/queries/issue-refresh';
import { tellEntity } from 'cyrus-store/queries/job-tell';
import { lockMessageSession, type MessageSession } from 'cyrus-store/queries/message-session-lock';
import { sessionAtWork } from 'cyrus-store/queries/message-sessions-at-work';
import { busySessionsOfIssue } from 'cyrus-store/queries/message-sessions-of-issue';
import { plansBlockedBy } from 'cyrus-store/queries/plans-blocked-by';
import { type Placed, placeMessage, type Saying } from './accept-message.ts';
import { editNotice } from './edit-notice.ts';

export type IssueUpdated = Extract<LinearEvent, { type: 'issue-updated' }>;

/** Why work ends that nobody said stop to. */
export interface IssueEnd {
  readonly issueId: string;
  /** When, by the tracker's clock in epoch milliseconds; null: not told. Work that was asked for later goes on. */
  readonly at: number | null;
  /** Whole sentences. */
  readonly reason: string;
  readonly by: { readonly id: string | null; readonly name: string | null };
  readonly activityId?: string | null;
}

const closedTypes = ['completed', 'canceled', 'duplicate'];

/** Stops whatever is under way on an issue, each session with its one answer. */
export async function endIssue(tx: Tx, end: IssueEnd): Promise<readonly Placed[]> {
  const sessions = await lockBusySessions(tx, end.issueId);
  const known = await lockKnownIssue(tx, end.issueId);
  return known ? stopAll(tx, sessions, known, end) : [];
}

/**
 * Takes in what changed on an issue. The row is brought up to date; who works on it hears new words once, in however many
 * sessions; a person's closing or taking away stops the work; what waited for it looks again. News that comes after newer news,
 * and what we did ourselves, does none of it.
 */
export async function takeIssueUpdate(tx: Tx, event: IssueUpdated, options: { readonly tellEdits: boolean }): Promise<readonly Placed[]> {
  const { issueId, facts } = event;
  const sessions = await lockBusySessions(tx, issueId);
  const known = await lockKnownIssue(tx, issueId);
  const closed = closedTypes.includes(facts.state?.type ?? '');
  if (closed) await lookAgain(tx, issueId);
  if (!known) return [];
  const changedAt = instantOf(event.updatedAt);
  const newer = known.changedAt === null || changedAt === null || changedAt > known.changedAt;
  const ours = event.actor !== null && known.appUserIds.includes(event.actor.id);
  const aboutWords = 'title' in event.changes || 'description' in event.changes;
  // With ours may come words of others whose own news is still on its way; the work is to hear of them from that.
  const words = ours && !aboutWords ? known : { title: facts.title ?? known.title, description: facts.description ?? known.description };
  if (newer) {
    const { identifier, url } = facts;
    // What we did ourselves says nothing about what others did before it.
    const asOf = ours ? null : changedAt;
    const { title, description } = words;
    await refreshIssue(tx, { id: issueId, identifier, title, description, url: url ?? null, details: detailsOf(facts), changedAt: asOf });
  }
  if (ours) return [];
  await lookAgain(tx, issueId, 'itself');
  const reason = endingOf(event, known, newer);
  if (reason) return stopAll(tx, sessions, known, { issueId, at: changedAt, reason, by: personOf(event.actor) });
  const edited = newer && (words.title !== known.title || words.description !== known.description);
  if (!edited || !options.tellEdits) return [];
  const hearing = await sessionAtWork(
    tx,
    sessions.map(({ id }) => id),
  );
  const session = sessions.find(({ id }) => id === hearing);
  if (!session) return [];
  // Another change may have overtaken the edit: who made that did not write the words.
  const { id: authorId, name } = personOf(aboutWords ? event.actor : null);
  const body = editNotice(name ?? 'Somebody', known, words);
  const saying: Saying = { activityId: null, authorId, authorName: name, body, signal: 'edited' };
  return [await placeMessage(tx, session, changedAt === null ? saying : { ...saying, saidAt: changedAt })];
}

/** Why the work ends with this change; undefined where it does not. */
function endingOf({ changes, facts, actor }: IssueUpdated, known: KnownIssue, newer: boolean): string | undefined {
  const who = named(actor);
  const isClosed = (type: string | null | undefined): boolean => closedTypes.includes(type ?? '');
  // A code host closes the issue of a merged pull request; what was asked for after that is still to be done.
  if (facts.state && isClosed(facts.state.type) && actor?.kind !== 'integration') {
    const movedNow = 'stateId' in changes || (known.stateType !== null && !isClosed(known.stateType));
    const openAgain = !newer && !isClosed(known.stateType);
    if (movedNow && !openAgain) return `${who} moved the issue to ${escapeMarkdown(facts.state.name)}.`;
  }
  const delegate = changes['delegateId'];
  const wasOurs = typeof delegate?.from === 'string' && known.appUserIds.includes(delegate.from);
  const isOurs = (id: unknown): boolean => typeof id === 'string' && known.appUserIds.includes(id);
  if (wasOurs && !isOurs(facts.delegateId) && !(!newer && isOurs(known.delegateId))) return `${who} took the issue away.`;
  return undefined;
}

async function lockBusySessions(tx: Tx, issueId: string): Promise<readonly MessageSession[]> {
  const sessions: MessageSession[] = [];
  for (const id of await busySessionsOfIssue(tx, issueId)) {
    const session = await lockMessageSession(tx, id);
    if (session) sessions.push(session);
  }
  if (sessions.length === 0) return sessions;
  // Its turn may have been closed while its lock was waited for: what ends work opens no turn of its own.
  const still = new Set(await busySessionsOfIssue(tx, issueId));
  return sessions.filter(({ id }) => still.has(id));
}

async function stopAll(tx: Tx, sessions: readonly MessageSession[], known: KnownIssue, end: IssueEnd): Promise<readonly Placed[]> {
  if (end.at !== null && known.askedAt !== null && known.askedAt > end.at) return [];
  const placed: Placed[] = [];
  for (const session of sessions) placed.push(await placeMessage(tx, session, stopSaying(end)));
  return placed;
}

/** A stop that nobody said, as a message that says why. */
export function stopSaying(end: Pick<IssueEnd, 'at' | 'reason' | 'by' | 'activityId'>): Saying {
  return {
    activityId: end.activityId ?? null,
    authorId: end.by.id,
    authorName: end.by.name,
    body: end.reason,
    signal: 'stop',
    reason: end.reason,
    ...(end.at === null ? {} : { saidAt: end.at }),
  };
}

/** Wakes the plans that wait for this issue to be finished; `itself`: those of the issue that wait for others. */
export async function lookAgain(tx: Tx, issueId: string, whose: 'itself' | 'others' = 'others'): Promise<void> {
  for (const plan of await plansBlockedBy(tx, issueId, whose)) await tellEntity(tx, `plan:${plan}`, 'look_again', { issueId });
}

/** Whoever did it, in a sentence of ours. */
export const named = (person: { readonly name: string } | null): string => (person ? escapeMarkdown(person.name) : 'Somebody');

export function personOf(actor: Actor | null): IssueEnd['by'] {
  return { id: actor?.id ?? null, name: actor?.name ?? null };
}

/** Only what the event told. */
function detailsOf({ state, labels, team, project, assigneeId, delegateId, priority }: IssueFacts): Partial<IssueDetails> {
  return {
    // An event does not tell the state's place in the workflow; nothing asks for that of the state an issue is in.
    ...(state ? { state: { ...state, position: 0 } } : {}),
    ...(labels ? { labels } : {}),
    ...(team ? { teamId: team.id, teamKey: team.key } : {}),
    ...(project === undefined ? {} : { projectId: project?.id ?? null, projectName: project?.name ?? null }),
    ...(assigneeId === undefined ? {} : { assigneeId }),
    ...(delegateId === undefined ? {} : { delegateId }),
    ...(priority === undefined ? {} : { priority }),
  };
}

function instantOf(text: string | null): number | null {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? null : at;
}
