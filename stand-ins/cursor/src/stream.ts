import type { ServerResponse } from 'node:http';
import { type Answer, refusal } from './answer.ts';
import type { FaultState } from './faults.ts';
import type { Frame, Run } from './world.ts';

export interface StreamOptions {
  readonly run: Run;
  readonly lastEventId: string | undefined;
  readonly faults: FaultState;
  readonly heartbeatMs: number;
  readonly now: number;
}

/** Why a stream cannot be had; undefined when it can. */
export function streamRefusal({ run, lastEventId, faults, now }: StreamOptions): Answer | undefined {
  const { streamRetentionMs } = faults;
  if (run.endedAt !== undefined && streamRetentionMs !== undefined && now - run.endedAt >= streamRetentionMs)
    return refusal(410, 'stream_expired', 'The stream of this run is no longer available.');
  if (lastEventId !== undefined && !run.frames.some((frame) => frame.id === lastEventId))
    return refusal(400, 'invalid_last_event_id', 'Last-Event-ID must refer to an event within the requested run');
  return undefined;
}

const text = (frame: Frame): string =>
  `${frame.id === undefined ? '' : `id: ${frame.id}\n`}event: ${frame.event}\ndata: ${JSON.stringify(frame.data)}\n\n`;

/**
 * Streams a run to its end: what comes after `lastEventId`, then what happens. `changed` gives a promise of the next change.
 * While the faults hold the truth back, the end is not told.
 */
export async function stream(response: ServerResponse, options: StreamOptions, changed: () => Promise<void>): Promise<void> {
  const { run, lastEventId, faults, heartbeatMs, now } = options;
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-cursor-stream-retention-seconds': '3600',
  });
  let gone = false;
  let left = faults.cutStreamsAfter;
  const closed = new Promise<void>((resolve) =>
    response.once('close', () => {
      gone = true;
      resolve();
    }),
  );
  const send = (frame: Frame): void => {
    if (gone) return;
    for (let copy = faults.duplicateEvents ? 2 : 1; copy > 0; copy--) response.write(text(frame));
    if (left !== undefined && frame.id !== undefined && --left <= 0) {
      // What was sent arrives: a stream that is cut before anything got through would never come on.
      gone = true;
      response.end();
    }
  };
  const heartbeat = setInterval(() => send({ event: 'heartbeat', data: {} }), heartbeatMs);
  try {
    send({ event: 'status', data: { runId: run.id, status: faults.statusWord ?? run.status } });
    if (now - run.createdAt < faults.streamWarmupMs) {
      send({ event: 'error', data: { code: 'stream_unavailable', message: 'Run stream is no longer available' } });
      send({ event: 'done', data: {} });
      return void response.end();
    }
    // The last frame of that id: the service tells some things in two ways under one.
    let next = lastEventId === undefined ? 0 : run.frames.findLastIndex((frame) => frame.id === lastEventId) + 1;
    let word = faults.statusWord;
    while (!gone) {
      if (faults.statusWord !== word) {
        word = faults.statusWord;
        send({ event: 'status', data: { runId: run.id, status: word ?? run.status } });
      }
      const frame = run.frames[next];
      const isEnd = frame?.event === 'result' || frame?.event === 'done' || (frame?.event === 'status' && run.endedAt !== undefined);
      if (!frame || (isEnd && faults.statusWord !== undefined)) {
        await Promise.race([changed(), closed]);
        continue;
      }
      next++;
      send(frame);
      if (frame.event === 'done') break;
    }
    if (!gone) response.end();
  } finally {
    clearInterval(heartbeat);
  }
}
