import { randomUUID } from 'node:crypto';
import type { GraphQLSchema } from 'graphql';
import type { Violations } from '../control/violations.ts';
import type { Faults } from '../faults/faults.ts';
import type { Timers } from '../timers.ts';
import { payloadProblems } from './contract.ts';
import { type Answer, checkTarget, type Envelope, post, type Target } from './post.ts';

/** Retries after a failed attempt, each counted from the one before, in Linear's time. */
const retryDelaysMs = [60_000, 3_600_000, 6 * 3_600_000];

export interface WebhookEvent {
  readonly type: string;
  readonly action: string;
  /** The payload type in Linear's schema that the body has to fit. */
  readonly contract: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** The agent session it is about. */
  readonly session?: string;
  /** Called once, at the first answer 200. */
  readonly acknowledged?: (() => void) | undefined;
}

/** One attempt to deliver one event. */
export interface Delivery {
  readonly at: string;
  readonly deliveryId: string;
  readonly event: string;
  readonly action: string;
  readonly session: string | null;
  /** 0 for the first try, then 1 to 3. */
  readonly attempt: number;
  /** Sent although an earlier copy may have arrived: by the fault `duplicate`. */
  readonly duplicate: boolean;
  readonly status: number;
  readonly error: string | null;
  readonly ms: number;
  readonly body: unknown;
}

export interface WebhookSettings {
  readonly organizationId: string;
  /** How long an answer may take, in real milliseconds. Linear waits 5 s. */
  readonly timeoutMs: number;
  /** Whether a retry carries the delivery id of the first try. The documentation does not say. */
  readonly retryDeliveryId: 'same' | 'new';
  /** The types of events this app subscribed to. */
  readonly events: readonly string[];
}

interface Shipment extends Envelope {
  readonly about: WebhookEvent;
  readonly body: unknown;
  readonly duplicate: boolean;
}

/** Signs and delivers events, each on its own: like Linear it promises no order between them. */
export class Webhooks {
  readonly deliveries: Delivery[] = [];
  private target: Target | undefined;
  private stopped = false;
  private underWay = 0;
  private readonly schema: GraphQLSchema;
  private readonly settings: WebhookSettings;
  private readonly timers: Timers;
  private readonly faults: Faults;
  private readonly violations: Violations;

  constructor(parts: { schema: GraphQLSchema; settings: WebhookSettings; timers: Timers; faults: Faults; violations: Violations }) {
    this.schema = parts.schema;
    this.settings = parts.settings;
    this.timers = parts.timers;
    this.faults = parts.faults;
    this.violations = parts.violations;
  }

  /** Where events go from now on, retries under way included. @throws TypeError for an address off this machine */
  setTarget(target: Target | undefined): void {
    this.target = target && checkTarget(target);
  }

  get url(): string | null {
    return this.target?.url ?? null;
  }

  /** Attempts whose answer is still awaited; retries in the future do not count. */
  get inFlight(): number {
    return this.underWay;
  }

  stop(): void {
    this.stopped = true;
  }

  /**
   * Builds the body once, now, and delivers it until it is answered 200 or Linear gives up.
   * @throws Error when the body does not fit Linear's schema: a defect of this server
   */
  send(event: WebhookEvent): void {
    if (!this.settings.events.includes(event.type)) return;
    const timestamp = Date.now() - this.faults.skewMs(event.action);
    const body = {
      type: event.type,
      action: event.action,
      createdAt: new Date(timestamp).toISOString(),
      organizationId: this.settings.organizationId,
      ...event.fields,
      webhookId: 'local-webhook',
      webhookTimestamp: timestamp,
    };
    const problems = payloadProblems(this.schema, event.contract, body);
    if (problems.length) throw new Error(`off-contract webhook ${event.type}: ${problems.join('; ')}`);
    const raw = Buffer.from(JSON.stringify(body));
    const shipment: Shipment = { raw, body, deliveryId: randomUUID(), event: event.type, timestamp, about: event, duplicate: false };
    this.faults.order(event, () => this.ship(shipment));
    for (const copy of this.faults.duplicates(event))
      this.timers.after(copy.afterMs, () => {
        const deliveryId = copy.deliveryId === 'same' ? shipment.deliveryId : randomUUID();
        void this.ship({ ...shipment, deliveryId, duplicate: true });
      });
  }

  private async ship(shipment: Shipment): Promise<void> {
    for (let attempt = 0; attempt <= retryDelaysMs.length; attempt++) {
      if (attempt > 0) await this.timers.wait(retryDelaysMs[attempt - 1] ?? 0);
      const deliveryId = attempt > 0 && this.settings.retryDeliveryId === 'new' ? randomUUID() : shipment.deliveryId;
      const status = await this.attempt({ ...shipment, deliveryId }, attempt);
      if (this.stopped) return;
      if (status !== 200) continue;
      shipment.about.acknowledged?.();
      return;
    }
  }

  private async attempt(shipment: Shipment, attempt: number): Promise<number> {
    const { about } = shipment;
    const started = performance.now();
    this.underWay++;
    const answer = await this.tryOnce(shipment);
    this.underWay--;
    const ms = Math.round((performance.now() - started) * 10) / 10;
    this.deliveries.push({
      at: new Date().toISOString(),
      deliveryId: shipment.deliveryId,
      event: about.type,
      action: about.action,
      session: about.session ?? null,
      attempt,
      duplicate: shipment.duplicate,
      status: answer.status,
      error: answer.error ?? null,
      ms,
      body: shipment.body,
    });
    if (answer.status === 0 && ms >= this.settings.timeoutMs && !this.stopped)
      this.violations.add({ kind: 'webhook_timeout', session: about.session ?? null, issue: null, detail: { event: about.type, ms } });
    return answer.status;
  }

  private async tryOnce(shipment: Shipment): Promise<Answer> {
    if (!this.target) return { status: 0, error: 'no webhook URL is set' };
    if (this.faults.outage('out')) return { status: 0, error: 'outage (fault)' };
    return post(this.target, shipment, this.settings.timeoutMs);
  }
}
