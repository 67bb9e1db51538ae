import type { MicroUsd } from 'cyrus-core/money';
import type { Price, TokenCounts } from 'cyrus-core/prices';
import type { ModelRequest } from './model-request.ts';

/** Per search. @see https://docs.claude.com/en/docs/about-claude/pricing */
const searchPrice: MicroUsd = 10_000;

/** What a call has used, as the Messages API reports it. */
export interface ReportedUsage extends TokenCounts {
  /** Of `cacheWriteTokens`: those that are kept for an hour, at twice the price of input. */
  readonly longCacheWriteTokens: number;
  readonly webSearches: number;
}

/** What a search finds, as the model reads it. */
const searchTokens = 20_000;

/** What the model reads at most beyond its input when it has searched so often: after each search all anew, with what was found so far. */
export const readAnew = (searches: number, tokens: number): number => searches * tokens + (searchTokens * searches * (searches + 1)) / 2;

/**
 * What a call costs at most with so many tokens in and out: the input is priced as whichever is dearest. After each search the model reads all
 * anew: what it was given, what it has written, and what was found so far. Null: the model has no price.
 */
export function worstCase(
  price: Price,
  { model, longCache, webSearches }: Pick<ModelRequest, 'model' | 'longCache' | 'webSearches'>,
  inputTokens: number,
  maxTokens: number,
): MicroUsd | null {
  const read = inputTokens + readAnew(webSearches, inputTokens + maxTokens);
  const none = { inputTokens: 0, outputTokens: maxTokens, cacheReadTokens: 0, cacheWriteTokens: 0 };
  const fresh = price(model, { ...none, inputTokens: longCache ? read * 2 : read });
  const written = price(model, { ...none, cacheWriteTokens: read });
  if (fresh === undefined || written === undefined) return null;
  return Math.ceil(Math.max(fresh, written)) + webSearches * searchPrice;
}

/** How many tokens out `left` pays for, at most `wanted`; negative or 0: not one. */
export function affordable(
  price: Price,
  request: Pick<ModelRequest, 'model' | 'longCache' | 'webSearches'>,
  inputTokens: number,
  left: MicroUsd,
  wanted: number,
): number {
  const worst = (tokens: number): number => worstCase(price, request, inputTokens, tokens) ?? 0;
  const base = worst(0);
  const each = (worst(wanted) - base) / wanted;
  let tokens = Math.min(wanted, each > 0 ? Math.floor((left - base) / each) : wanted);
  // Prices in steps are not straight lines.
  while (tokens > 0 && worst(tokens) > left) tokens -= Math.max(1, Math.ceil(tokens / 50));
  return tokens;
}

/** What a call cost; null: unpriced. */
export function costOf(price: Price, model: string, usage: ReportedUsage): MicroUsd | null {
  const long = Math.min(usage.longCacheWriteTokens, usage.cacheWriteTokens);
  const cost = price(model, {
    inputTokens: usage.inputTokens + long * 2,
    outputTokens: usage.outputTokens,
    cacheReadTokens: usage.cacheReadTokens,
    cacheWriteTokens: usage.cacheWriteTokens - long,
  });
  return cost === undefined ? null : Math.ceil(cost) + usage.webSearches * searchPrice;
}
