import type { Instant } from 'cyrus-core/clock';
import type { Effects } from 'cyrus-core/domain/effects';
import type { AttemptContext } from './attempt-context.ts';
import { action } from './tracker-writes.ts';

/** Waits between two signs of progress: short at first, so that a quick task is seen to move, then rare, so that a long one costs few calls. */
export function progressIntervalMs(runningMs: number): number {
  if (runningMs < 30_000) return 5_000;
  if (runningMs < 300_000) return 60_000;
  return 420_000;
}

/** One coalesced sign of progress, not one per tool. */
export function tellProgress(context: AttemptContext, last: Instant | null, now: Instant, effects: Effects): Instant {
  const { attempt, plan } = context;
  if (last === null) {
    effects.wakes.push({ entity: `attempt:${attempt.id}`, at: now + progressIntervalMs(0) });
    return now;
  }
  const interval = progressIntervalMs(now - (attempt.startedAt ?? attempt.createdAt));
  if (now - last < interval) {
    effects.wakes.push({ entity: `attempt:${attempt.id}`, at: last + interval });
    return last;
  }
  const newest = context.recentTools.at(-1);
  if (newest) {
    const others = context.recentTools.length - 1;
    const about = `${newest.about}${others > 0 ? ` (and ${others} more ${others === 1 ? 'step' : 'steps'})` : ''}`;
    for (const to of context.listeners)
      effects.writes.push(action(to, `attempt:${attempt.id}:progress:${now}`, newest.tool, about, plan.id));
  }
  effects.wakes.push({ entity: `attempt:${attempt.id}`, at: now + interval });
  return now;
}
