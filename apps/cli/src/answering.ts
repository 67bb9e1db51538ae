import type { Config } from 'cyrus-core/config/schema';

/** The address where a service of this configuration answers; undefined where none does within half a second. */
export async function answering({ host, port }: Config['server']): Promise<string | undefined> {
  if (port === 0) return undefined;
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const address = `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
  try {
    const answer = await fetch(`${address}/healthz`, { signal: AbortSignal.timeout(500) });
    const body: unknown = await answer.json();
    return answer.ok && typeof body === 'object' && body !== null && 'ok' in body ? address : undefined;
  } catch {
    return undefined;
  }
}
