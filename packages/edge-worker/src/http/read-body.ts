import type { IncomingMessage } from 'node:http';
import type { Clock } from 'cyrus-core/clock';
import { err, ok, type Result } from 'cyrus-core/result';

export type BodyProblem = 'too_large' | 'too_slow' | 'cut_off';

/** Reads a request's body whole, and stops reading as soon as it is larger than `maxBytes` or takes longer than `withinMs`. */
export function readBody(
  request: IncomingMessage,
  limits: { readonly maxBytes: number; readonly withinMs: number; readonly clock: Clock },
): Promise<Result<Buffer, BodyProblem>> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = new AbortController();
    const settle = (result: Result<Buffer, BodyProblem>): void => {
      if (done.signal.aborted) return;
      done.abort();
      request.off('data', onData);
      if (!result.ok) request.pause();
      chunks.length = 0;
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limits.maxBytes) settle(err('too_large'));
      else chunks.push(chunk);
    };
    request.on('data', onData);
    request.once('end', () => settle(ok(Buffer.concat(chunks, size))));
    request.once('error', () => settle(err('cut_off')));
    request.once('close', () => settle(err('cut_off')));
    void limits.clock.sleep(limits.withinMs, done.signal).then(() => settle(err('too_slow')));
  });
}
