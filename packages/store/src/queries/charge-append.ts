import { type Queryable, toTimestamp } from '../pool.ts';

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
  readonly trust: 'provider' | 'gateway' | 'agent' | 'estimated';
}

/** Appends charges of an attempt, each once. */
export async function appendCharges(tx: Queryable, attemptId: string, charges: readonly AttemptCharge[]): Promise<void> {
  for (const charge of charges) {
    await tx.query(
      `insert into cyrus.charge (attempt_id, seq, model, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost, trust, at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (attempt_id, seq) do nothing`,
      [
        attemptId,
        charge.seq,
        charge.model,
        charge.inputTokens,
        charge.outputTokens,
        charge.cacheReadTokens,
        charge.cacheWriteTokens,
        charge.cost,
        charge.trust,
        toTimestamp(charge.at),
      ],
    );
  }
}
