import type { ExecutionEvent } from 'cyrus-executor-interface/executor';
import type { RunUsage } from './wire.ts';

/** The service counts in cents, with fractions. */
const microUsdPerCent = 10_000;

const tokensOf = ({ usage }: RunUsage): number =>
  usage ? usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens : 0;

/** Whether the cost of a run is there. It comes some time after the tokens; a run of the plan has a raw cost, and is charged nothing. */
export function costIsKnown(reported: RunUsage | undefined): boolean {
  if (reported?.cost?.chargedCents === undefined) return false;
  return reported.cost.chargedCents > 0 || (reported.cost.rawCostCents ?? 0) > 0;
}

/** What a run used, as far as the service says it; undefined where it says nothing. A cost that is not known is absent. */
export function usageEvent(reported: RunUsage | undefined, model: string): Extract<ExecutionEvent, { type: 'usage' }> | undefined {
  if (!reported) return undefined;
  const known = costIsKnown(reported);
  if (!known && tokensOf(reported) === 0) return undefined;
  const { usage, cost } = reported;
  return {
    type: 'usage',
    usage: {
      model,
      inputTokens: usage?.inputTokens ?? 0,
      outputTokens: usage?.outputTokens ?? 0,
      cacheReadTokens: usage?.cacheReadTokens ?? 0,
      cacheWriteTokens: usage?.cacheWriteTokens ?? 0,
      ...(known ? { cost: Math.round((cost?.chargedCents ?? 0) * microUsdPerCent) } : {}),
      trust: 'provider',
    },
  };
}
