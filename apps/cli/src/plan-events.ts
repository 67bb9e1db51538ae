import type { Database } from 'cyrus-store/pool';
import { publishPending } from 'cyrus-store/publisher';
import { listPlanEvents, type StoredEvent } from 'cyrus-store/queries/event-list';

const page = 500;

/** What happened in a plan after event `after`: whatever was committed before this was called, also if no service numbers it. */
export async function* planEvents(db: Database, planId: string, after: number): AsyncGenerator<StoredEvent> {
  await publishPending(db);
  for (let last = after; ; ) {
    const events = await listPlanEvents(db, planId, last, page);
    yield* events;
    last = events.at(-1)?.number ?? last;
    if (events.length < page) return;
  }
}
