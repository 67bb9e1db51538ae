import { createHash } from 'node:crypto';
import { ok, type Result } from 'cyrus-core/result';
import type { ExecutionEvent } from 'cyrus-executor-interface/executor';
import { type CallFailure, type CodegenClient, pageSize } from './client.ts';
import { eventsOf } from './log-events.ts';
import type { CodegenLogEntry } from './payload.ts';

/** The log of one run, read once from where it begins. */
export interface LogReader {
  /** The events of all entries that are new. `patient`: waits for its turn at the service's limit. */
  read(options: { readonly patient: boolean }): Promise<Result<readonly ExecutionEvent[], CallFailure>>;
}

/** @param from the entry the reading begins at, of all there are */
export function createLogReader(client: CodegenClient, runId: number, from: number): LogReader {
  let next = from;
  let place = from;
  const known = new Set<string>();

  /** The service may tell an entry twice; entries without a time cannot be told apart and are taken as they come. */
  function isNew(entry: CodegenLogEntry): boolean {
    if (!entry.created_at) return true;
    const mark = createHash('sha256').update(JSON.stringify(entry)).digest('base64url');
    if (known.has(mark)) return false;
    known.add(mark);
    return true;
  }

  return {
    async read(options) {
      const events: ExecutionEvent[] = [];
      for (;;) {
        const page = await client.logs(runId, next, options);
        // What was read before the failure is not lost: the next reading goes on behind it.
        if (!page.ok) return events.length > 0 ? ok(events) : page;
        const { logs, total_logs: total } = page.value;
        for (const entry of logs) if (isNew(entry)) events.push(...eventsOf(entry, place++));
        const before = next;
        next = Math.max(next, Math.min(next + logs.length, total ?? Number.MAX_SAFE_INTEGER));
        if (logs.length < pageSize || next === before) return ok(events);
      }
    },
  };
}
