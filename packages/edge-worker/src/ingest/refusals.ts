import type { Clock } from 'cyrus-core/clock';
import type { Log } from 'cyrus-store/log';
import type { Queryable } from 'cyrus-store/pool';
import { insertRefusals } from 'cyrus-store/queries/webhook-refused';

/** At most one row in so long, however many are refused: forgers must not be able to fill the database. */
const everyMs = 60_000;

/** Counts webhooks that were refused, so that a wrong secret or clock can be told of. */
export interface Refusals {
  note(source: string, reason: string): void;
}

export function createRefusals({ db, clock, log }: { readonly db: Queryable; readonly clock: Clock; readonly log: Log }): Refusals {
  const counts = new Map<string, Map<string, number>>();
  let lastAt = Number.NEGATIVE_INFINITY;

  async function write(): Promise<void> {
    const noted = [...counts].map(([source, reasons]) => ({ source, reasons: Object.fromEntries(reasons) }));
    counts.clear();
    for (const refused of noted) await insertRefusals(db, refused);
  }

  return {
    note(source, reason) {
      const reasons = counts.get(source) ?? new Map<string, number>();
      counts.set(source, reasons.set(reason, (reasons.get(reason) ?? 0) + 1));
      const now = clock.now();
      // A clock that was set back must not silence it for long.
      if (now - lastAt < everyMs && now >= lastAt) return;
      lastAt = now;
      write().catch((error) => log.debug({ error: String(error) }, 'refused webhooks were not counted'));
    },
  };
}
