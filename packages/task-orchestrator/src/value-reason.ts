import { formatUsd, roughUsd } from 'cyrus-core/money';
import type { Estimate } from './estimate.ts';
import { type Policy, triesOf } from './strategy.ts';

/** An executor that could take the task, as far as money and time go. */
interface Offer {
  readonly executor: { readonly id: string };
  readonly estimate: Pick<Estimate, 'cost' | 'success'>;
  /** From now to its end. */
  readonly finishMs: number;
}

const ofTen = (success: number): string => `${Math.round(success * 10)} of 10`;

/** Why the money is spent, or saved, against the cheapest: what is paid more, and what that is worth. What has to be repeated is counted in. */
export function valueReason(policy: Pick<Policy, 'valuePerHour'>, best: Offer, cheapest: Offer): string {
  const { p50 } = best.estimate.cost;
  if (best.executor.id === cheapest.executor.id)
    return p50 === 0 ? 'cost-optimized: it costs nothing more' : `cost-optimized: the cheapest, about ${roughUsd(p50)}`;
  const [tries, otherTries] = [triesOf(best.estimate), triesOf(cheapest.estimate)];
  const extra = Math.round(p50 * tries - cheapest.estimate.cost.p50 * otherTries);
  const other = cheapest.executor.id;
  if (extra <= 0) {
    const more = `${ofTen(best.estimate.success)} attempts like this succeed there, ${ofTen(cheapest.estimate.success)} on ${other}`;
    return `cost-optimized: no dearer in the end: ${more}`;
  }
  const savedMs = cheapest.finishMs * otherTries - best.finishMs * tries;
  const minutes = Math.max(1, Math.round(savedMs / 60_000));
  const value = roughUsd(Math.round((savedMs / 3_600_000) * policy.valuePerHour));
  const time = `${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`;
  return `cost-optimized: about ${roughUsd(extra)} more than ${other} saves ${time}, worth ${value} at ${formatUsd(policy.valuePerHour)} an hour`;
}
