import type { Clock } from 'cyrus-core/clock';
import { err, ok, type Result } from 'cyrus-core/result';
import { uploadAt } from './uploads.ts';

export interface DownloadLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

export interface DownloadProblem {
  /** For a person: why there is no file. */
  readonly why: string;
  /** `again`: the next try may do better. `token`: with another token. */
  readonly try: 'never' | 'again' | 'token';
}

const redirectsFollowed = 3;

/**
 * Reads a file that people uploaded. `authorization` goes to `origin` alone: a redirect that leads elsewhere is not followed.
 * What is larger than the limit is not read to its end. Never throws.
 */
export async function download(
  address: string,
  options: DownloadLimits & {
    readonly origin: string;
    readonly authorization: string;
    readonly clock: Clock;
    readonly signal?: AbortSignal;
  },
): Promise<Result<Uint8Array, DownloadProblem>> {
  const over = new AbortController();
  const late = new AbortController();
  void options.clock.sleep(options.timeoutMs, over.signal).then(() => {
    if (!over.signal.aborted) late.abort();
  });
  const signal = options.signal ? AbortSignal.any([late.signal, options.signal]) : late.signal;
  try {
    let next = address;
    for (let hops = 0; hops <= redirectsFollowed; hops++) {
      const url = uploadAt(next, options.origin);
      if (!url) return never(`it leads to another address than ${options.origin}`);
      const response = await fetch(url.href, {
        headers: { authorization: options.authorization, 'user-agent': 'cyrus' },
        redirect: 'manual',
        signal,
      });
      const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
      if (location === null) return await read(response, options.maxBytes);
      await response.body?.cancel();
      next = URL.parse(location, url.href)?.href ?? '';
    }
    return never('it leads from one address to the next');
  } catch (cause) {
    if (late.signal.aborted) return again(`it did not come within ${Math.round(options.timeoutMs / 1000)} s`);
    if (options.signal?.aborted) return never('the work was stopped');
    return again(
      `it could not be reached: ${cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause)}`,
    );
  } finally {
    over.abort();
  }
}

const never = (why: string): Result<never, DownloadProblem> => err({ why, try: 'never' });
const again = (why: string): Result<never, DownloadProblem> => err({ why, try: 'again' });

async function read(response: Response, maxBytes: number): Promise<Result<Uint8Array, DownloadProblem>> {
  const { status } = response;
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    if (status === 401) return err({ why: 'Linear does not accept the token for it', try: 'token' });
    if (status === 403) return never('Linear does not let us read it');
    if (status === 404 || status === 410) return never('Linear does not have it any more');
    return status === 429 || status >= 500
      ? again(`Linear answered with status ${status}`)
      : never(`Linear answered with status ${status}`);
  }
  const tooLarge = `it is larger than ${Math.floor(maxBytes / 1_000_000)} MB`;
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (Number(response.headers.get('content-length') ?? 0) > maxBytes) {
    await response.body.cancel();
    return never(tooLarge);
  }
  // The header may be missing, or tell of the compressed size.
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maxBytes) return never(tooLarge);
    chunks.push(chunk);
  }
  return ok(Buffer.concat(chunks));
}
