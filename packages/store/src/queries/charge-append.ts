import type { Trust } from 'cyrus-core/budget';
import type { Calendar } from 'cyrus-core/calendar';
import type { Tx } from '../pool.ts';
import { bookCharges } from './charge-book.ts';

/** What one report of use cost, by the number of the event that told it. */
export interface AttemptCharge {
  readonly seq: number;
  readonly at: number;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** Micro-dollars; null: unpriced. */
  readonly cost: number | null;
  /** Name and version of the price list; absent: the price is the reporter's own. */
  readonly prices?: string;
  readonly trust: Trust;
}

/** Appends charges of an attempt, each once. */
export async function appendCharges(tx: Tx, calendar: Calendar, attemptId: string, charges: readonly AttemptCharge[]): Promise<void> {
  await bookCharges(
    tx,
    calendar,
    attemptId,
    charges.map(({ cost, prices, ...charge }) => ({ ...charge, callId: null, price: cost, prices: prices ?? null })),
  );
}
