import type { Instant } from 'cyrus-core/clock';
import type { Attempt, FailureChain, RuledOut } from 'cyrus-core/domain/plan';
import { type Failure, type FailureClass, failureRules } from 'cyrus-core/failure';
import { atTime, trouble, waitWords } from './failure-words.ts';
import { type Elsewhere, elsewhere, type FallbackState, longestWaitMs, ratherWait } from './fallback.ts';
import { learnedFrom } from './prompts.ts';

export const newChain = (from = 0): FailureChain => ({ from, checks: [], conflicts: 0 });

export interface ChainState extends FallbackState {
  /** Attempts of the task, the failed one among them. */
  readonly attempts: readonly Attempt[];
  readonly chain: FailureChain;
  readonly maxAttempts: number;
  /** It failed before an executor had to do with it: another one would have no better luck. */
  readonly beforeExecutor: boolean;
  /** Somebody is there to answer a question and to wait for. */
  readonly attended: boolean;
  readonly random: () => number;
}

export type FailureStep =
  | {
      readonly do: 'again';
      readonly learned: string | null;
      readonly notBefore: Instant | null;
      readonly say: string | null;
      readonly ruleOut?: RuledOut;
    }
  /** Waits until a person has mended the executor; then goes on by itself. */
  | { readonly do: 'mend'; readonly failure: Failure; readonly learned: string | null }
  | { readonly do: 'ask'; readonly failure: Failure; readonly learned: string | null }
  | { readonly do: 'fail'; readonly failure: Failure };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** Longer than that a rate limit is not waited for without asking. */
const longestRateMs = 24 * hourMs;
/** How often a task waits for a limit to end, or for somebody to mend an executor, before it asks. */
const mostWaits = { quota: 10, mend: 5, queue: 6 } as const;

const backoffMs = (firstMs: number, capMs: number, n: number): number => Math.min(capMs, firstMs * 2 ** Math.min(n - 1, 20));

/** What follows from a failure: the table of failures with its caps, and what is known of the executors. Pure. */
export function afterFailure(state: ChainState, failure: Failure, now: Instant): FailureStep {
  const rule = failureRules[failure.class];
  if (failure.ambiguous) return ambiguous(state, failure);
  if (state.beforeExecutor && (rule.first === 'mend' || rule.first === 'park') && !inFuture(failure, now)) return reported(failure);
  switch (rule.first) {
    case 'retry_same':
      return retrySame(state, failure, now);
    case 'wait':
      return waitForRate(state, failure, now);
    case 'park':
      return inFuture(failure, now) ? waitForQuota(state, failure, failure.retryAt ?? now, now) : mend(state, failure, now);
    case 'mend':
      return mend(state, failure, now);
    case 'fallback':
      return goOn(state, failure, now, learnedFrom.lost);
    case 'free':
      return goOn(state, failure, now, learnedFrom.lost, { free: true });
    case 'resume':
      if (cutOffs(state) > (rule.times as number)) return goOn(state, failure, now, learnedFrom.lost);
      return resume(state, failure, now);
    case 'fresh_attempt':
      if (failedHere(state, 'agent_failed', 'no_evidence', failure.class) < state.maxAttempts)
        return again(learnedFrom.failed(failure.message), null, `${failure.message} Trying again.`);
      return goOn(state, failure, now, learnedFrom.failed(failure.message));
    case 'fail':
      return reported(failure);
  }
}

/** Runs that ended before their work did. A crash is not the task's fault, but an endless loop helps nobody. */
export function afterCutOff(state: ChainState, say: string, now: Instant): FailureStep {
  const most = failureRules.sandbox_lost.times as number;
  if (cutOffs(state) <= most) return again(learnedFrom.lost, null, say);
  const failure: Failure = {
    class: 'sandbox_lost',
    message: `The work was cut off more than ${most} times.`,
    fix: 'Look at the log of the service, then try again here.',
  };
  return goOn(state, failure, now, learnedFrom.lost);
}

interface GoOn {
  /** Only where nothing is charged. */
  readonly free?: boolean;
  /** The executor may have the task again then. Absent: not before a person decides, so that no task goes round in circles. */
  readonly until?: Instant;
}

/** The end of what one executor can do: another one, the next time one is free, or a person. */
export function goOn(state: ChainState, failure: Failure, now: Instant, learned: string | null, { free, until }: GoOn = {}): FailureStep {
  const next: Elsewhere =
    state.beforeExecutor || !(free || failureRules[failure.class].fallback)
      ? { go: 'nowhere' }
      : elsewhere(state, now, free ? ({ included }) => included : undefined);
  const why = trouble(state.executorId, failure, now);
  const ruleOut: RuledOut = { executorId: state.executorId, why, until: until ?? null };
  if (next.go === 'now') return { ...again(learned, null, `${why}. Going on with ${next.executor.id}.`), ruleOut };
  if (next.go === 'later') {
    const say = `${why}. Queued: going on with ${next.executor.id} at ${atTime(next.at, now)}.`;
    return { ...again(learned, next.at, say), ruleOut };
  }
  return end(state, failure, learned);
}

function retrySame(state: ChainState, failure: Failure, now: Instant): FailureStep {
  const n = Math.max(1, failedHere(state, failure.class));
  const most = failureRules[failure.class].times as number;
  if (n <= most) {
    const waitMs = Math.round(100 + state.random() * backoffMs(5_000, minuteMs, n));
    return again(learnedFrom.lost, now + waitMs, `${failure.message} Trying again in ${waitWords(waitMs)}.`);
  }
  const next = goOn(state, failure, now, learnedFrom.lost);
  if (next.do === 'again' || n > most + mostWaits.queue) return next;
  const at = now + backoffMs(5 * minuteMs, hourMs, n - most);
  return again(learnedFrom.lost, at, `${failure.message} Queued: trying again at ${atTime(at, now)}.`);
}

/** What comes back at once is no accident but a full disk or the like: that is given time to pass. */
function resume(state: ChainState, failure: Failure, now: Instant): FailureStep {
  const n = failedHere(state, 'sandbox_lost');
  if (n <= 2) return again(learnedFrom.lost, null, 'The sandbox was lost. Going on from the saved work.');
  const waitMs = backoffMs(1_000, 10 * minuteMs, n - 2);
  return again(learnedFrom.lost, now + waitMs, `${failure.message} Going on from the saved work in ${waitWords(waitMs)}.`);
}

function waitForRate(state: ChainState, failure: Failure, now: Instant): FailureStep {
  const series = trailing(state, 'rate_limited');
  const since = series[0]?.createdAt ?? now;
  if (now - since > longestRateMs) return goOn(state, failure, now, learnedFrom.lost);
  const told = inFuture(failure, now) ? (failure.retryAt ?? now) : now + backoffMs(minuteMs, 15 * minuteMs, series.length);
  // A provider that always says "in a second" is not asked every second.
  const at = Math.max(told, now + backoffMs(1_000, 15 * minuteMs, series.length));
  if (at - now > longestRateMs || !ratherWait(state, failure, at, now)) {
    const next = goOn(state, { ...failure, retryAt: at }, now, learnedFrom.lost, { until: at });
    if (next.do === 'again' || at - now > longestRateMs) return next;
  }
  return again(learnedFrom.lost, at, `${failure.message} Going on at ${atTime(at, now)}.`);
}

function waitForQuota(state: ChainState, failure: Failure, until: Instant, now: Instant): FailureStep {
  const tooLong = until - now > longestWaitMs || failedHere(state, 'quota_exhausted') > mostWaits.quota;
  if (tooLong || !ratherWait(state, failure, until, now)) {
    const next = goOn(state, failure, now, learnedFrom.lost, tooLong ? {} : { until });
    if (next.do === 'again' || tooLong) return next;
  }
  return again(learnedFrom.lost, until, `${failure.message} Waiting until ${atTime(until, now)}.`);
}

function mend(state: ChainState, failure: Failure, now: Instant): FailureStep {
  const next = goOn(state, failure, now, learnedFrom.lost);
  if (next.do === 'again' || !state.attended) return next;
  if (failedHere(state, 'auth', 'missing_binary', 'quota_exhausted') > mostWaits.mend) return next;
  return { do: 'mend', failure, learned: learnedFrom.lost };
}

/** It may be under way: begun a second time, the same work could be done twice. A person decides. */
function ambiguous(state: ChainState, failure: Failure): FailureStep {
  const message = `${failure.message} It is not known whether that run has begun.`;
  const fix = failure.fix ?? `Look whether ${state.executorId} works on it; then try again, or stop here.`;
  return end(state, { ...failure, message, fix }, learnedFrom.lost);
}

const reported = (failure: Failure): FailureStep => ({
  do: 'fail',
  failure: { ...failure, fix: failure.fix ?? 'Write here to try again.' },
});

function end(state: ChainState, failure: Failure, learned: string | null): FailureStep {
  // Where no executor had to do with it there is nothing to choose.
  if (failureRules[failure.class].last === 'fail' || state.beforeExecutor || !state.attended) return reported(failure);
  return { do: 'ask', failure, learned };
}

const again = (learned: string | null, notBefore: Instant | null, say: string | null): Extract<FailureStep, { do: 'again' }> => ({
  do: 'again',
  learned,
  notBefore,
  say,
});

const inFuture = (failure: Failure, now: Instant): boolean => failure.retryAt !== undefined && failure.retryAt > now;

const counted = ({ attempts, chain }: ChainState): readonly Attempt[] => attempts.filter(({ number }) => number > chain.from);

const isFailure = (attempt: Attempt, classes: readonly FailureClass[]): boolean =>
  attempt.state === 'failed' && attempt.failure !== null && classes.includes(attempt.failure.class);

const failedHere = (state: ChainState, ...classes: readonly FailureClass[]): number =>
  counted(state).filter((attempt) => attempt.executorId === state.executorId && isFailure(attempt, classes)).length;

const cutOffs = (state: ChainState): number =>
  counted(state).filter(
    (attempt) => attempt.executorId === state.executorId && (attempt.state === 'lost' || isFailure(attempt, ['sandbox_lost'])),
  ).length;

/** The failures of this kind that came last, without another end between them. */
function trailing(state: ChainState, kind: FailureClass): readonly Attempt[] {
  const all = counted(state);
  const at = all.findLastIndex((attempt) => !isFailure(attempt, [kind]));
  return all.slice(at + 1);
}
