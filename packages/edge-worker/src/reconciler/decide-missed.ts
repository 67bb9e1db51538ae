import type { Instant } from 'cyrus-core/clock';
import { eventKey } from 'cyrus-linear/events';
import type { Finding } from 'cyrus-linear/read-sessions';
import type { Known } from 'cyrus-store/queries/reconcile-known';

export interface MissedOptions {
  readonly findings: readonly Finding[];
  readonly known: Known;
  /** Nobody has looked at this workspace before: what somebody else began there is not ours. */
  readonly first: boolean;
  /** Issues with work under way. */
  readonly busy: ReadonlySet<string>;
}

export interface Missed {
  /** What belongs to one issue, in the order in which it happened; the group that began first comes first. */
  readonly groups: readonly (readonly Finding[])[];
  /** Prompts that nothing here has seen, in sessions that end with an answer: theirs, or of an earlier life of this database? */
  readonly doubtful: readonly Finding[];
}

const answered: ReadonlySet<string> = new Set(['complete', 'error', 'awaitingInput']);
/** Nobody has said anything in them yet. */
const untouched: ReadonlySet<string> = new Set(['pending', 'stale']);

/** What of the findings never came in and is still to be acted on. Pure. */
export function decideMissed({ findings, known, first, busy }: MissedOptions): Missed {
  const taken: Finding[] = [];
  const doubtful: Finding[] = [];
  const unknown = findings.filter(({ event }) => {
    const key = eventKey(event);
    return key !== undefined && !known.eventKeys.has(key);
  });
  for (const finding of unknown) {
    const { event, sessionId, status } = finding;
    const session = sessionId !== null && known.sessionIds.has(sessionId);
    // A session that we know nothing of and that has its answer, or belongs to somebody who was here before.
    const foreign = !session && status !== null && (answered.has(status) || (first && !untouched.has(status)));
    switch (event.type) {
      case 'session-created':
      case 'session-without-issue':
        if (!foreign) taken.push(finding);
        break;
      case 'session-prompted':
        if (foreign || known.activityIds.has(event.activityId)) break;
        if (status !== null && answered.has(status)) doubtful.push(finding);
        else taken.push(finding);
        break;
    }
  }
  const concerned = new Set([...busy, ...taken.flatMap(({ issueId }) => issueId ?? [])]);
  taken.push(...unknown.filter(({ event }) => event.type === 'unassigned' && concerned.has(event.issueId)));
  taken.push(
    ...unknown.filter(({ event }) => (event.type === 'issue-updated' || event.type === 'issue-removed') && busy.has(event.issueId)),
  );
  return { groups: grouped(taken), doubtful };
}

/** By issue, oldest first. */
export function grouped(findings: readonly Finding[]): readonly (readonly Finding[])[] {
  const groups = new Map<string, Finding[]>();
  for (const finding of [...findings].sort(byTime)) {
    const key = finding.issueId ?? finding.sessionId ?? '';
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  return [...groups.values()];
}

/** Up to where the next look need not go back: everything until then has been seen, and what failed comes again. */
export function seenTo(mark: Instant, findings: readonly Finding[], failed: readonly Finding[]): Instant {
  const latest = Math.max(mark, ...findings.map(({ at }) => at));
  return failed.length === 0 ? latest : Math.max(mark, Math.min(latest, ...failed.map(({ at }) => at - 1)));
}

const byTime = (a: Finding, b: Finding): number => a.at - b.at || order(a) - order(b);
/** Of the same millisecond: what opens a session goes before what is said in it. */
const order = ({ event }: Finding): number => (event.type === 'session-created' ? 0 : 1);
