import { formatDuration } from 'cyrus-core/duration';
import { formatUsd } from 'cyrus-core/money';
import type { TaskSummary } from 'cyrus-store/queries/task-list';

/** `12:04:31` in local time. */
export function timeOfDay(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

/** The time of day; with its date in front where that is not today's. */
export function moment(at: number, now: number): string {
  const day = (time: number): string => new Intl.DateTimeFormat('en-CA', { dateStyle: 'short' }).format(time);
  return day(at) === day(now) ? timeOfDay(at) : `${day(at)} ${timeOfDay(at)}`;
}

export function durationOf(task: Pick<TaskSummary, 'createdAt' | 'endedAt'>, now: number): string {
  return formatDuration(Math.max(0, (task.endedAt ?? now) - task.createdAt));
}

/** `$1.20`; `~$3.00` where it was assumed, `≥$1.20` where some use had no price, `included` where a subscription or a credit pays. */
export function costOf({ cost, unpriced, covered, estimated }: Pick<TaskSummary, 'cost' | 'unpriced' | 'covered' | 'estimated'>): string {
  if (cost === null || (cost === 0 && unpriced)) return unpriced ? 'unpriced' : '–';
  if (cost === 0 && covered > 0) return 'included';
  return `${unpriced ? '≥' : estimated ? '~' : ''}${formatUsd(cost)}`;
}

/** One word for where a task is. */
export function stateOf(task: Pick<TaskSummary, 'planState' | 'state' | 'parkedReason'>): string {
  if (task.planState === 'parked') return task.parkedReason ?? 'parked';
  if (task.planState === 'running') return task.state;
  return task.planState === 'verifying' ? 'publishing' : task.planState;
}
