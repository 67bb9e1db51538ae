import type { CallIntent, CallUsage, Ledger } from 'cyrus-core/ports/ledger';

/** A ledger of one limit, kept in memory: what is open counts with its worst case. */
export interface Book extends Ledger {
  readonly intents: CallIntent[];
  readonly settled: Map<string, CallUsage | null>;
  /** What is spent or may be, now. */
  total(): number;
  /** The most that ever was. */
  readonly highest: () => number;
  /** While true every call throws, as a database does that is away. */
  away: boolean;
}

export function openBook(limit: number): Book {
  const open = new Map<string, number>();
  const intents: CallIntent[] = [];
  const settled = new Map<string, CallUsage | null>();
  let spent = 0;
  let highest = 0;
  const total = (): number => spent + [...open.values()].reduce((sum, each) => sum + each, 0);
  const book: Book = {
    intents,
    settled,
    total,
    highest: () => highest,
    away: false,
    async intend(intent) {
      if (book.away) throw new Error('the database is away');
      intents.push(intent);
      const worst = intent.worstCase ?? 0;
      const left = limit - total();
      if (worst > left) return { granted: false, left, reason: 'the task may cost no more' };
      open.set(intent.callId, worst);
      highest = Math.max(highest, total());
      return { granted: true };
    },
    async settle(callId, usage) {
      if (book.away) throw new Error('the database is away');
      if (settled.has(callId)) return;
      settled.set(callId, usage);
      open.delete(callId);
      spent += usage?.cost ?? 0;
      highest = Math.max(highest, total());
    },
  };
  return book;
}
