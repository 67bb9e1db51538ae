import { type Calendar, createCalendar, machineTimeZone } from 'cyrus-core/calendar';
import type { Clock } from 'cyrus-core/clock';
import type { ExecutionEvent } from 'cyrus-executor-interface/executor';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import type { AttemptPlace } from 'cyrus-store/queries/event-append';
import { lastAttemptSeq } from 'cyrus-store/queries/event-last-seq';
import type { Redact } from './redact.ts';
import { openSpool, readSpool, type SpoolLine } from './spool.ts';
import { storableEvent } from './storable.ts';
import { storeLines } from './store-lines.ts';
import { untilStored } from './until-stored.ts';

/** Where the events of one running agent go: to the disk at once, to the database when it is there. */
export interface EventSink {
  /** How many events of the attempt earlier jobs have taken, up to the last one that was kept. */
  readonly before: number;
  /** Takes one event. Resolves once it is on the disk: whoever waits for it slows a flood down. */
  push(event: ExecutionEvent): Promise<void>;
  /**
   * Resolves once everything is in the database, and the file gone; after an outage if need be.
   * @throws the connection's error once `givenUp` aborts; the file stays for the next start then
   */
  finish(): Promise<void>;
}

export interface EventSinkOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly directory: string;
  readonly place: AttemptPlace;
  readonly jobId: string;
  readonly redact: Redact;
  readonly givenUp: AbortSignal;
  /** Beyond this much, an attempt's file takes no more talk, only what counts. */
  readonly maxBytes?: number;
  /** Of the budgets; absent: this machine's. */
  readonly calendar?: Calendar;
}

/** What is kept however much an agent says: money, questions, deliveries, the end. */
const essential: ReadonlySet<string> = new Set(['usage', 'needs-input', 'delivered', 'error', 'complete']);
const batchSize = 200;

/** Opens the sink of an agent job. Numbering goes on where an earlier job of the attempt left it. */
export async function openEventSink(options: EventSinkOptions): Promise<EventSink> {
  const { db, clock, log, directory, place, jobId, redact, givenUp, maxBytes = 64 * 1024 * 1024 } = options;
  const calendar = options.calendar ?? createCalendar(machineTimeZone());
  const kept = await readSpool(directory, place.attemptId);
  let seq = Math.max(await lastAttemptSeq(db, place.attemptId), kept.at(-1)?.seq ?? 0);
  const spool = await openSpool(directory, place.attemptId, { clock, givenUp });
  const waiting: SpoolLine[] = [...kept];
  let full = false;
  let storing: Promise<void> | undefined;
  let broken: unknown;

  async function storeAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, batchSize);
      await untilStored({ db, clock, log, givenUp }, 'events of an agent', (tx) => storeLines(tx, calendar, place, batch));
      waiting.splice(0, batch.length);
    }
  }

  function store(): void {
    if (broken !== undefined) return;
    storing ??= storeAll()
      .catch((error) => {
        broken = error;
        if (!givenUp.aborted) log.error({ attemptId: place.attemptId, error: String(error) }, 'events of an agent could not be stored');
      })
      .finally(() => {
        storing = undefined;
      });
  }

  if (waiting.length > 0) store();
  return {
    before: seq,
    async push(event) {
      if (event.type === 'heartbeat') return;
      // What is not kept has its number too: whoever goes on reading a run elsewhere goes on behind it.
      seq += 1;
      if (!essential.has(event.type) && spool.size() > maxBytes) {
        if (!full) log.warn({ attemptId: place.attemptId, maxBytes }, 'an agent says too much; the rest of its talk is not kept');
        full = true;
        return;
      }
      const line: SpoolLine = { seq, at: clock.now(), jobId, event: storableEvent({ ...event }, redact) as SpoolLine['event'] };
      await spool.append([line]);
      waiting.push(line);
      store();
    },
    async finish() {
      while (waiting.length > 0 && broken === undefined) {
        store();
        await storing;
      }
      if (broken === undefined) return spool.discard();
      await spool.close();
      throw broken;
    },
  };
}
