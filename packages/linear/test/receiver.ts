import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from 'cyrus-core/clock';
import type { LinearEvent } from 'cyrus-linear/events';
import { verifyWebhook, type WebhookVerdict } from 'cyrus-linear/webhook';

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly verdicts: readonly WebhookVerdict[];
  /** Statuses for the next `session-created`, whatever their verdict. */
  readonly failNext: number[];
  /** Waits until `count` accepted events of a type have come, and gives them. */
  events<T extends LinearEvent['type']>(type: T, count?: number): Promise<Extract<LinearEvent, { type: T }>[]>;
  /** Waits until an event of a type has come that fits, and gives it. */
  event<T extends LinearEvent['type']>(
    type: T,
    fits: (event: Extract<LinearEvent, { type: T }>) => boolean,
  ): Promise<Extract<LinearEvent, { type: T }>>;
}

/** An address for webhooks that verifies each as the service does and keeps what it found. */
export async function receiver(secret: string, clock: Clock): Promise<Receiver> {
  const verdicts: WebhookVerdict[] = [];
  const failNext: number[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const header = (name: string): string | undefined => (request.headers[name] as string | undefined) ?? undefined;
      const verdict = verifyWebhook({ rawBody: Buffer.concat(chunks), header }, { secrets: [{ id: 'w', secret }], clock });
      verdicts.push(verdict);
      const failure = verdict.accepted && verdict.event.type === 'session-created' ? failNext.shift() : undefined;
      response.writeHead(failure ?? (verdict.accepted ? 200 : verdict.status)).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const of = <T extends LinearEvent['type']>(type: T): Extract<LinearEvent, { type: T }>[] =>
    verdicts.flatMap((verdict) =>
      verdict.accepted && verdict.event.type === type ? [verdict.event as Extract<LinearEvent, { type: T }>] : [],
    );
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/linear`,
    verdicts,
    failNext,
    async events(type, count = 1) {
      await until(
        () => of(type).length >= count,
        () => `${count} × ${type}, have ${JSON.stringify(verdicts.map(told))}`,
      );
      return of(type);
    },
    async event(type, fits) {
      await until(
        () => of(type).some(fits),
        () => `a fitting ${type}`,
      );
      const [found] = of(type).filter(fits);
      if (!found) throw new Error(`no fitting ${type}`);
      return found;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const told = (verdict: WebhookVerdict): string =>
  verdict.accepted ? `${verdict.event.type} ${'why' in verdict.event ? verdict.event.why : ''}` : verdict.reason;

/** Polls until `done`, at most ten seconds. */
export async function until(done: () => boolean, what: () => string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!done()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
