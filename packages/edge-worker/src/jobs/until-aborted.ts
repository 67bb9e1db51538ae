import { FailureError } from 'cyrus-core/failure';

/**
 * The promise's value, or a rejection as soon as `signal` aborts: for work that takes no signal. `late` gets the value that comes
 * when nobody waits for it any more.
 */
export async function untilAborted<T>(signal: AbortSignal, promise: Promise<T>, late?: (value: T) => unknown): Promise<T> {
  const over = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    const stop = (): void => reject(new FailureError({ class: 'sandbox_lost', message: 'Stopped.' }));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { signal: over.signal });
  });
  try {
    return await Promise.race([promise, aborted]);
  } catch (error) {
    if (signal.aborted) void promise.then(late, () => undefined).then(undefined, () => undefined);
    throw error;
  } finally {
    over.abort();
  }
}
