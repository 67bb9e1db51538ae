import type { Calendar } from 'cyrus-core/calendar';
import type { Usage } from 'cyrus-executor-interface/executor';
import type { Tx } from 'cyrus-store/pool';
import { type AttemptCharge, appendCharges } from 'cyrus-store/queries/charge-append';
import { type AttemptPlace, appendAttemptEvents } from 'cyrus-store/queries/event-append';
import { markMessagesDelivered } from 'cyrus-store/queries/job-message-delivered';
import type { SpoolLine } from './spool.ts';

/** Stores lines of an attempt, in one transaction with the charges and the deliveries they tell of. Twice is harmless. */
export async function storeLines(tx: Tx, calendar: Calendar, place: AttemptPlace, lines: readonly SpoolLine[]): Promise<void> {
  await appendAttemptEvents(
    tx,
    place,
    lines.map(({ seq, at, event: { type, ...payload } }) => ({ seq, at, type, payload })),
  );
  const delivered = new Map<string, number>();
  for (const { jobId, event } of lines) {
    const n = event['messageId'];
    if (event.type === 'delivered' && typeof n === 'number') delivered.set(jobId, Math.max(n, delivered.get(jobId) ?? 0));
  }
  for (const [jobId, n] of delivered) await markMessagesDelivered(tx, jobId, n);
  // Last: it locks the budgets.
  await appendCharges(
    tx,
    calendar,
    place.attemptId,
    lines.flatMap((line) => chargeOf(line)),
  );
}

function chargeOf({ seq, at, event }: SpoolLine): AttemptCharge[] {
  if (event.type !== 'usage') return [];
  const usage = event['usage'] as Usage | undefined;
  if (!usage) return [];
  const count = (tokens: number): number => (Number.isFinite(tokens) && tokens > 0 ? Math.round(tokens) : 0);
  return [
    {
      seq,
      at,
      model: usage.model,
      inputTokens: count(usage.inputTokens),
      outputTokens: count(usage.outputTokens),
      cacheReadTokens: count(usage.cacheReadTokens),
      cacheWriteTokens: count(usage.cacheWriteTokens),
      cost: typeof usage.cost === 'number' ? Math.ceil(usage.cost) : null,
      trust: usage.trust,
    },
  ];
}
