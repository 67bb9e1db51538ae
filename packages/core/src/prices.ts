import { type MicroUsd, microUsd } from './money.ts';

/** Tokens as the Messages API counts them: `inputTokens` without what was read from or written to the cache. */
export interface TokenCounts {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
}

/** Name and version of the list that `loadPrices` gives, as it is kept with what was charged by it. */
export const priceList = '@pydantic/genai-prices 0.1.8';

export type Price = (model: string, tokens: TokenCounts) => MicroUsd | undefined;

/** List prices. Loaded on first use: an idle service does not hold the table. Undefined for a model the table does not know. */
export async function loadPrices(): Promise<Price> {
  const { calcPrice } = await import('@pydantic/genai-prices');
  return (model, tokens) => {
    const usage = {
      input_tokens: tokens.inputTokens + tokens.cacheReadTokens + tokens.cacheWriteTokens,
      output_tokens: tokens.outputTokens,
      cache_read_tokens: tokens.cacheReadTokens,
      cache_write_tokens: tokens.cacheWriteTokens,
    };
    const price = calcPrice(usage, model, { providerId: 'anthropic' });
    return price ? microUsd(price.total_price) : undefined;
  };
}

/** What a model costs, in US dollars for a million tokens. */
export interface ModelPrice {
  readonly inputUsd: number;
  readonly outputUsd: number;
  /** Absent: as other input. */
  readonly cacheReadUsd?: number;
  /** Absent: a quarter more than other input. */
  readonly cacheWriteUsd?: number;
}

/** Prices that somebody has named come before those of a list. `own` is read at each call: it may change. */
export const withOwnPrices =
  (listed: Price, own: () => Readonly<Record<string, ModelPrice>> | undefined): Price =>
  (model, tokens) => {
    const named = own();
    const price = named && Object.hasOwn(named, model) ? named[model] : undefined;
    if (price === undefined) return listed(model, tokens);
    const { inputUsd, outputUsd, cacheReadUsd = inputUsd, cacheWriteUsd = inputUsd * 1.25 } = price;
    const millionths =
      tokens.inputTokens * inputUsd +
      tokens.outputTokens * outputUsd +
      tokens.cacheReadTokens * cacheReadUsd +
      tokens.cacheWriteTokens * cacheWriteUsd;
    return microUsd(millionths / 1_000_000);
  };
