import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Faults } from './faults.ts';

export interface WebhookTarget {
  readonly url: string;
  readonly secret: string;
}

export interface Delivery {
  readonly id: string;
  readonly event: string;
  readonly action: string | undefined;
  readonly at: string;
  /** The receiver's status; 0: it could not be reached or took longer than ten seconds. */
  status: number;
  readonly raw: string;
}

export interface Webhooks {
  setTarget(target: WebhookTarget | undefined): void;
  /** Queues one event. Deliveries leave one after the other, each once: the service does not repeat a failed one by itself. */
  send(event: string, payload: Record<string, unknown>): void;
  /** Sends a delivery once more, byte for byte with its own id. */
  redeliver(id: string): boolean;
  readonly deliveries: readonly Delivery[];
  /** Resolves when every queued delivery has been answered. */
  settled(): Promise<void>;
}

const keptDeliveries = 2000;
const answerTimeoutMs = 10_000;

/** Signed webhooks. Without a target events are observed and dropped. */
export function createWebhooks(
  faults: () => Faults,
  observe: (event: string, payload: Record<string, unknown>) => void,
  initial: WebhookTarget | undefined,
): Webhooks {
  let target = initial;
  const deliveries: Delivery[] = [];
  let queue: Promise<void> = Promise.resolve();

  const post = async (delivery: Delivery): Promise<void> => {
    if (!target) return;
    const signature = createHmac('sha256', target.secret).update(delivery.raw).digest('hex');
    delivery.status = await fetch(target.url, {
      method: 'POST',
      body: delivery.raw,
      signal: AbortSignal.timeout(answerTimeoutMs),
      headers: {
        'content-type': 'application/json',
        'user-agent': 'GitHub-Hookshot/stand-in',
        'x-github-event': delivery.event,
        'x-github-delivery': delivery.id,
        'x-hub-signature-256': `sha256=${signature}`,
      },
    }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status;
      },
      () => 0,
    );
  };

  const enqueue = (delivery: Delivery): void => {
    queue = queue.then(async () => {
      const { copies, delayMs } = faults().takeWebhook();
      if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
      for (let copy = 0; copy < copies; copy += 1) await post(delivery);
    });
  };

  return {
    deliveries,
    setTarget(next) {
      target = next;
    },
    send(event, payload) {
      observe(event, payload);
      if (!target) return;
      const action = typeof payload['action'] === 'string' ? payload['action'] : undefined;
      const delivery: Delivery = { id: randomUUID(), event, action, at: new Date().toISOString(), status: 0, raw: JSON.stringify(payload) };
      deliveries.push(delivery);
      if (deliveries.length > keptDeliveries) deliveries.shift();
      enqueue(delivery);
    },
    redeliver(id) {
      const delivery = deliveries.find((candidate) => candidate.id === id);
      if (delivery) enqueue(delivery);
      return delivery !== undefined;
    },
    settled: () => queue,
  };
}
