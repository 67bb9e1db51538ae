import type { Instant } from 'cyrus-core/clock';
import type { RuledOut } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import type { ExecutorCondition } from './executor-facts.ts';

/** An executor that a task may be given to, as far as its strategy goes; what it is like now. */
export interface FallbackExecutor {
  readonly id: string;
  readonly kind: 'local' | 'cloud';
  /** Nothing is charged for a run. */
  readonly included: boolean;
  readonly condition: ExecutorCondition;
}

/** What the user prefers when an executor fails. */
export interface FallbackPolicy {
  /** Another executor may take a task over. */
  readonly allow: boolean;
  /** Rather wait for a limit to end than go on elsewhere. */
  readonly preferWaiting: boolean;
}

/** A limit that ends so soon is waited for, by whom there is no hurry. */
const soonMs = { critical: 5 * 60_000, usual: 15 * 60_000, preferWaiting: 24 * 3_600_000, rate: 60 * 60_000 } as const;

export type Elsewhere =
  /** It can go on there now. */
  | { readonly go: 'now'; readonly executor: FallbackExecutor }
  /** It can go on there then. */
  | { readonly go: 'later'; readonly executor: FallbackExecutor; readonly at: Instant }
  | { readonly go: 'nowhere' };

export interface FallbackState {
  /** The one that failed. */
  readonly executorId: string;
  /** In the order in which they are preferred. */
  readonly executors: readonly FallbackExecutor[];
  readonly ruledOut: readonly RuledOut[];
  readonly policy: FallbackPolicy;
  /** The issue asks for the one that failed. */
  readonly askedFor: boolean;
  readonly critical: boolean;
}

export const isRuledOut = (ruledOut: readonly RuledOut[], executorId: string, now: Instant): boolean =>
  ruledOut.some((one) => one.executorId === executorId && (one.until === null || one.until > now));

/** Others that the task was not taken from. */
export const othersThan = ({ executors, executorId, ruledOut }: FallbackState, now: Instant): readonly FallbackExecutor[] =>
  executors.filter((executor) => executor.id !== executorId && !isRuledOut(ruledOut, executor.id, now));

/** Where a task may go on by itself. What the issue asks for is only overruled when the task is critical. */
export function elsewhere(state: FallbackState, now: Instant, only: (executor: FallbackExecutor) => boolean = () => true): Elsewhere {
  if (!state.policy.allow || (state.askedFor && !state.critical)) return { go: 'nowhere' };
  const others = othersThan(state, now).filter(only);
  const ready = others.find(({ condition }) => condition.state === 'ready' || condition.state === 'trying');
  if (ready) return { go: 'now', executor: ready };
  const later = others
    .flatMap((executor) => {
      const at = freeAt(executor.condition, now);
      return at === null || at - now > longestWaitMs ? [] : [{ executor, at }];
    })
    .sort((a, b) => a.at - b.at)[0];
  return later ? { go: 'later', ...later } : { go: 'nowhere' };
}

/** Nothing is waited for longer than that without asking. */
export const longestWaitMs: number = 7 * 24 * 3_600_000;
const trialMs = 60_000;

/** When an executor may be used again; null: when somebody has mended it. One that is being tried is looked at again soon. */
const freeAt = ({ state, until }: ExecutorCondition, now: Instant): Instant | null => until ?? (state === 'resting' ? now + trialMs : null);

/** Whether a limit that ends at `until` is waited for although the task could go on elsewhere. */
export function ratherWait(state: FallbackState, failure: Failure, until: Instant, now: Instant): boolean {
  const waitMs = until - now;
  if (state.critical) return waitMs <= soonMs.critical;
  if (state.policy.preferWaiting) return waitMs <= soonMs.preferWaiting;
  return waitMs <= (failure.class === 'rate_limited' ? soonMs.rate : soonMs.usual);
}
