import type { Instant } from 'cyrus-core/clock';
import { type Failure, failureRules } from 'cyrus-core/failure';
import { trouble } from './failure-words.ts';

/** What is stored of how an executor is doing: its circuit. */
export interface ConditionRecord {
  readonly executorId: string;
  readonly state: 'ready' | 'resting' | 'parked';
  /** In a row, of those that say something about the executor. */
  readonly failures: number;
  /** For a person; empty while it is ready. */
  readonly reason: string;
  /** When one run may find out whether it works again; null: when somebody has mended it. */
  readonly until: Instant | null;
  readonly failure: Failure | null;
  /** The attempt that finds out. */
  readonly trial: string | null;
  /** From the failure that took it out to the run that works: told of once. */
  readonly incident: string | null;
}

export const wellCondition = (executorId: string): ConditionRecord => ({
  executorId,
  state: 'ready',
  failures: 0,
  reason: '',
  until: null,
  failure: null,
  trial: null,
  incident: null,
});

/** What an attempt tells of its executor. `nothing`: it ended for another reason. */
export type ExecutorNews =
  | { readonly news: 'worked' }
  | { readonly news: 'failed'; readonly failure: Failure }
  | { readonly news: 'nothing' };

export interface ConditionChange {
  readonly record: ConditionRecord;
  /** What is told to people: once when it goes out, once when it is back. */
  readonly event: { readonly type: 'executor.out' | 'executor.back'; readonly payload: Readonly<Record<string, unknown>> } | null;
}

/** As many failures as a task is given on one executor; then nobody else tries it for a while. */
export const opensAfter: number = 4;
const firstRestMs = 30_000;
/** What comes back is used soon after: a try costs one start, and its failure sends the task elsewhere. */
const longestRestMs = 5 * 60_000;
/** A limit without a known end is looked at so often. */
const unknownQuotaMs = 60 * 60_000;
const unknownRateMs = 60_000;

const restMs = (failures: number): number => Math.min(longestRestMs, firstRestMs * 2 ** Math.min(20, Math.max(0, failures - opensAfter)));

/** How an executor is doing after an attempt on it. Pure. Failures in a row open the circuit; then one run tries; what works closes it. */
export function decideCondition(
  before: ConditionRecord,
  attemptId: string,
  news: ExecutorNews,
  now: Instant,
  newIncident: string,
): ConditionChange {
  const { executorId } = before;
  const wasTrial = before.trial === attemptId;
  if (news.news === 'worked') {
    // An old run that ends well while the executor is parked says nothing of what became of it since.
    if (before.state === 'parked' && !wasTrial) return { record: before, event: null };
    const event = before.incident === null ? null : { type: 'executor.back' as const, payload: { executorId, incident: before.incident } };
    return { record: wellCondition(executorId), event };
  }
  const rule = news.news === 'failed' ? failureRules[news.failure.class].executor : 'nothing';
  if (news.news === 'nothing' || rule === 'nothing') {
    // Nothing was found out: the next one tries.
    return { record: wasTrial ? { ...before, trial: null } : before, event: null };
  }
  const { failure } = news;
  const trial = wasTrial ? null : before.trial;
  const limited = failure.class === 'rate_limited';
  const failures = limited ? before.failures : before.failures + 1;
  const record: ConditionRecord = { ...before, failures, trial, failure };
  if (rule === 'counts') {
    if (before.state === 'parked' || (failures < opensAfter && !wasTrial)) return { record: { ...before, failures, trial }, event: null };
    const until = now + restMs(failures);
    return taken({ ...record, state: 'resting', reason: trouble(executorId, failure, now), until }, before, newIncident);
  }
  const told = failure.retryAt !== undefined && failure.retryAt > now ? failure.retryAt : null;
  if (limited) {
    if (before.state === 'parked') return { record: { ...before, trial }, event: null };
    const until = Math.max(told ?? now + unknownRateMs, before.state === 'resting' ? (before.until ?? 0) : 0);
    // A limit on the rate passes by itself, and is no incident.
    return {
      record: { ...record, state: 'resting', reason: trouble(executorId, { ...failure, retryAt: until }, now), until },
      event: null,
    };
  }
  const until = told ?? (failure.class === 'quota_exhausted' ? now + unknownQuotaMs : null);
  return taken({ ...record, state: 'parked', reason: trouble(executorId, failure, now), until }, before, newIncident);
}

function taken(record: ConditionRecord, before: ConditionRecord, newIncident: string): ConditionChange {
  if (before.incident !== null) return { record: { ...record, incident: before.incident }, event: null };
  const { executorId, state, reason, until, failure } = record;
  const payload = { executorId, incident: newIncident, state, reason, until, fix: failure?.fix ?? null };
  return { record: { ...record, incident: newIncident }, event: { type: 'executor.out', payload } };
}

/** When a parked executor that only a person can mend may be asked again whether it is well: rarer after each failed try. */
export const probeAt = (record: Pick<ConditionRecord, 'failures'>, changedAt: Instant): Instant =>
  changedAt + Math.min(longestRestMs, firstRestMs * 2 ** Math.min(20, Math.max(0, record.failures - 1)));
