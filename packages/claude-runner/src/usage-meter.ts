import type { Price, TokenCounts } from 'cyrus-core/prices';
import type { Usage } from 'cyrus-executor-interface/executor';

/** A model call's usage as the Messages API gives it, in whole or in part. */
export interface ApiUsage {
  readonly input_tokens?: number | null;
  readonly output_tokens?: number | null;
  readonly cache_read_input_tokens?: number | null;
  readonly cache_creation_input_tokens?: number | null;
}

/** What the agent says it has used since its conversation began: per model, cumulative. */
export interface ModelTotals {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadInputTokens: number;
  readonly cacheCreationInputTokens: number;
  readonly costUSD: number;
  readonly costBasis?: string | undefined;
}

export type Totals = Readonly<Record<string, ModelTotals>>;

export interface UsageMeter {
  /** A streamed model call has begun. */
  started(model: string, usage: ApiUsage): void;
  /** It has ended: its usage, final. */
  finished(usage: ApiUsage): Usage[];
  /** A call seen only from outside (a subagent's): counted once per message, its output as far as known. */
  seen(messageId: string, model: string, usage: ApiUsage): Usage[];
  /** The agent's cumulative totals: whatever they hold beyond what was reported so far. */
  settled(totals: Totals): Usage[];
  /** The run ends without a result: what an unfinished call has certainly used. */
  abandoned(): Usage[];
}

const none: TokenCounts = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };

const countsOf = (usage: ApiUsage): TokenCounts => ({
  inputTokens: usage.input_tokens ?? 0,
  outputTokens: usage.output_tokens ?? 0,
  cacheReadTokens: usage.cache_read_input_tokens ?? 0,
  cacheWriteTokens: usage.cache_creation_input_tokens ?? 0,
});

const combined = (a: TokenCounts, b: TokenCounts, by: (x: number, y: number) => number): TokenCounts => ({
  inputTokens: by(a.inputTokens, b.inputTokens),
  outputTokens: by(a.outputTokens, b.outputTokens),
  cacheReadTokens: by(a.cacheReadTokens, b.cacheReadTokens),
  cacheWriteTokens: by(a.cacheWriteTokens, b.cacheWriteTokens),
});

const isNone = (tokens: TokenCounts): boolean =>
  tokens.inputTokens + tokens.outputTokens + tokens.cacheReadTokens + tokens.cacheWriteTokens === 0;

/**
 * Turns what the agent reports about its model calls into deltas that sum up to what the run has used. Each call is reported as it ends, so that
 * a killed run's usage is not lost; the cumulative totals of a result then add only what no call has shown.
 * @param before the totals of the conversation when this run began; the agent's totals go on from there
 */
export function usageMeter(price: Price, before: Totals): UsageMeter {
  const reported = new Map<string, { tokens: TokenCounts; cost: number }>();
  const messages = new Set<string>();
  let open: { model: string; tokens: TokenCounts } | undefined;

  function report(model: string, tokens: TokenCounts, cost: number | undefined): Usage[] {
    if (isNone(tokens) && !cost) return [];
    const soFar = reported.get(model) ?? { tokens: none, cost: 0 };
    reported.set(model, { tokens: combined(soFar.tokens, tokens, (a, b) => a + b), cost: soFar.cost + (cost ?? 0) });
    return [{ model, ...tokens, ...(cost === undefined ? {} : { cost }), trust: 'agent' }];
  }

  return {
    started(model, usage) {
      open = { model, tokens: countsOf(usage) };
    },
    finished(usage) {
      if (!open) return [];
      const { model, tokens } = open;
      open = undefined;
      const final = combined(tokens, countsOf(usage), Math.max);
      return report(model, final, price(model, final));
    },
    seen(messageId, model, usage) {
      if (messages.has(messageId)) return [];
      messages.add(messageId);
      const tokens = countsOf(usage);
      return report(model, tokens, price(model, tokens));
    },
    settled(totals) {
      open = undefined;
      return Object.entries(totals).flatMap(([model, total]) => {
        const earlier = before[model];
        const used: TokenCounts = {
          inputTokens: total.inputTokens - (earlier?.inputTokens ?? 0),
          outputTokens: total.outputTokens - (earlier?.outputTokens ?? 0),
          cacheReadTokens: total.cacheReadInputTokens - (earlier?.cacheReadInputTokens ?? 0),
          cacheWriteTokens: total.cacheCreationInputTokens - (earlier?.cacheCreationInputTokens ?? 0),
        };
        const soFar = reported.get(model) ?? { tokens: none, cost: 0 };
        const rest = combined(used, soFar.tokens, (a, b) => Math.max(0, a - b));
        // A guessed price is no price: without a row in either table the tokens stay unpriced.
        const known = total.costBasis !== 'unknown' || price(model, used) !== undefined;
        if (!known) return report(model, rest, undefined);
        const spent =
          total.costBasis === 'unknown' ? price(model, used) : Math.round((total.costUSD - (earlier?.costUSD ?? 0)) * 1_000_000);
        return report(model, rest, Math.max(0, (spent ?? 0) - soFar.cost));
      });
    },
    abandoned() {
      if (!open) return [];
      const { model, tokens } = open;
      open = undefined;
      return report(model, tokens, price(model, tokens));
    },
  };
}
