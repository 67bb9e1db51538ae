import type { Instant } from 'cyrus-core/clock';
import { priority } from 'cyrus-core/domain/effects';
import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';
import type { LinearClient } from 'cyrus-linear/client';
import { eventKey } from 'cyrus-linear/events';
import { findIssueChanges } from 'cyrus-linear/read-changes';
import { findDelegated } from 'cyrus-linear/read-delegated';
import { type Finding, type Findings, findPrompts, findSessions, findUnassignments, readAnswers } from 'cyrus-linear/read-sessions';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { insertWrites } from 'cyrus-store/queries/outbound-insert';
import { busyIssues } from 'cyrus-store/queries/reconcile-busy';
import { issuesWithSession, openedKey } from 'cyrus-store/queries/reconcile-delegated';
import { findKnown, findOwnWrites } from 'cyrus-store/queries/reconcile-known';
import { readReconcileMark, saveReconcileMark } from 'cyrus-store/queries/reconcile-mark';
import type { Ingest } from '../ingest/ingest.ts';
import { decideMissed, grouped, seenTo } from './decide-missed.ts';

export interface LookOptions {
  readonly db: Database;
  readonly log: Log;
  readonly ingest: Pick<Ingest, 'found'>;
  /** Linear's id of the workspace where the configuration names it. */
  readonly workspace: string | undefined;
  readonly client: LinearClient;
  /** How long arrivals are remembered: beyond that, what came in before could be taken for new. */
  readonly rememberMs: number;
  /** When the next look comes. */
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

/** What a look came to. */
export interface Looked {
  readonly workspace: string;
  /** How many things nothing had told us of. */
  readonly taken: number;
}

/** Events become visible a little out of order, and webhooks are under way for a while. */
const overlapMs = 10 * 60_000;
/** An issue that changed a moment ago: its webhook knows who did it. */
const settledAfterMs = 30_000;
/** At the very first look: what was asked just before Cyrus was started for the first time. */
const firstLookMs = 3_600_000;

/** Compares one workspace of Linear with what has come in, and takes in what is missing. Three calls, five while work is under way. */
export async function lookAtLinear(options: LookOptions): Promise<Result<Looked, Failure>> {
  const { db, client, ingest, signal, log } = options;
  const now = await db.now();
  // Where the configuration does not say whose token it is, the first answer does.
  const marked = options.workspace === undefined ? null : await readReconcileMark(db, options.workspace);
  const since = (mark: number | null): Instant =>
    mark === null ? now - firstLookMs : Math.max(mark - overlapMs, now - options.rememberMs);
  let prompts = await findPrompts(client, since(marked), signal);
  if (!prompts.ok) return err(prompts.error.failure);
  const { workspaceId, appUserId, isApp } = prompts.value;
  if (!isApp) return ok({ workspace: workspaceId, taken: 0 });
  const mark = options.workspace === workspaceId ? marked : await readReconcileMark(db, workspaceId);
  if (since(mark) < since(marked)) {
    prompts = await findPrompts(client, since(mark), signal);
    if (!prompts.ok) return err(prompts.error.failure);
  }
  const sessions = await findSessions(client, since(mark), signal);
  if (!sessions.ok) return err(sessions.error.failure);
  const underWay = await busyIssues(db, workspaceId);
  const busy = new Set(underWay.map(({ id }) => id));
  const opened = [...sessions.value.findings, ...prompts.value.findings];
  const unassignments = busy.size + opened.length === 0 ? undefined : await findUnassignments(client, since(mark), signal);
  if (unassignments && !unassignments.ok) return err(unassignments.error.failure);
  const changes = await findIssueChanges(client, underWay, { now, settledBefore: now - Math.min(settledAfterMs, options.everyMs) }, signal);
  if (!changes.ok) return err(changes.error.failure);

  const missing = await openMissingSessions(options, { workspaceId, appUserId, since: since(mark), now });
  if (!missing.ok) return missing;
  const dated = [...opened, ...(unassignments?.value.findings ?? [])];
  const findings = [...dated, ...changes.value];
  const known = await findKnown(db, soughtOf(findings));
  const { groups, doubtful } = decideMissed({ findings, known, first: mark === null, busy });
  const unanswered: Finding[] = [];
  for (const finding of doubtful) {
    const answer = await isUnanswered(options, finding, appUserId);
    if (!answer.ok) return answer;
    if (answer.value) unanswered.push(finding);
  }

  let taken = 0;
  const failed: Finding[] = [];
  for (const group of unanswered.length === 0 ? groups : grouped([...groups.flat(), ...unanswered])) {
    try {
      taken += await ingest.found(group);
    } catch (error) {
      failed.push(...group);
      log.error(
        { workspace: workspaceId, issueId: group[0]?.issueId, error: String(error) },
        'what a lost webhook told could not be taken in',
      );
    }
  }
  if (!signal.aborted) await saveReconcileMark(db, workspaceId, seenTo(mark ?? since(mark), dated, failed));
  if (taken > 0) log.warn({ workspace: workspaceId, taken }, 'Linear had more than its webhooks told; taken in now');
  return ok({ workspace: workspaceId, taken });
}

/**
 * An issue that is delegated to the app and for which Linear opened no session: one is opened, once, and found like any other. The
 * row of the write is what tells that it was done.
 */
async function openMissingSessions(
  { db, client, signal, log, everyMs }: LookOptions,
  about: { readonly workspaceId: string; readonly appUserId: string; readonly since: Instant; readonly now: Instant },
): Promise<Result<null, Failure>> {
  const { workspaceId, appUserId, since, now } = about;
  const found = await findDelegated(client, { appUserId, since, settledBefore: now - Math.min(settledAfterMs, everyMs) }, signal);
  if (!found.ok) return err(found.error.failure);
  const known = await issuesWithSession(
    db,
    found.value.map(({ id }) => id),
  );
  for (const { id, identifier } of found.value.filter((issue) => !known.has(issue.id))) {
    const credential = `linear:${workspaceId}`;
    const payload = { kind: 'openSession', issueId: id };
    await db.tx((tx) =>
      insertWrites(tx, [{ key: openedKey(id), credential, lane: `issue:${id}`, priority: priority.state, kind: 'openSession', payload }]),
    );
    log.debug({ identifier }, 'an issue is delegated to the app and has no session');
  }
  return ok(null);
}

/**
 * A prompt that never came in, in a session that ends with an answer. The answer may be to what was said before it. Activities
 * of ours that this database knows nothing of tell that it was answered in a life that a restored backup has forgotten.
 */
async function isUnanswered(options: LookOptions, finding: Finding, appUserId: string): Promise<Result<boolean, Failure>> {
  const { sessionId } = finding;
  if (sessionId === null) return ok(false);
  const answers = await readAnswers(options.client, { sessionId, since: finding.at, appUserId }, options.signal);
  if (!answers.ok) return err(answers.error.failure);
  const own = await findOwnWrites(options.db, answers.value);
  return ok(answers.value.every((id) => own.has(id)));
}

function soughtOf(findings: Findings['findings']): Parameters<typeof findKnown>[1] {
  return {
    eventKeys: findings.flatMap(({ event }) => eventKey(event) ?? []),
    sessionIds: findings.flatMap(({ sessionId }) => sessionId ?? []),
    activityIds: findings.flatMap(({ event }) => (event.type === 'session-prompted' ? event.activityId : [])),
  };
}
