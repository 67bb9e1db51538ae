import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '../../e2e/support/until.ts';
import type { World } from '../../e2e/support/world.ts';
import { secret } from '../../e2e/support/world.ts';
import type { Posted } from './post.ts';

/** A webhook of Linear's as it was sent, to be delivered at a moment of our choice. */
export interface Delivery extends Posted {
  readonly sessionId: string;
}

interface Issue {
  readonly title: string;
  readonly description?: string;
  readonly labels?: readonly string[];
}

/**
 * Stands between Linear and the service: takes Linear's signed webhooks and keeps them, so that a benchmark decides when
 * each arrives, and knows when it sent it.
 */
export class Deliveries {
  private readonly kept: Delivery[] = [];
  private readonly world: World;
  private readonly server: Server;

  private constructor(world: World) {
    this.world = world;
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.end();
        this.keep(Buffer.concat(chunks), request.headers);
      });
    });
  }

  static async open(world: World): Promise<Deliveries> {
    const deliveries = new Deliveries(world);
    await new Promise<void>((resolve) => deliveries.server.listen(0, '127.0.0.1', resolve));
    await deliveries.redirect();
    return deliveries;
  }

  /** To be called again after a start of the service: that turns Linear's webhooks to itself. */
  async redirect(): Promise<void> {
    const { port } = this.server.address() as AddressInfo;
    await this.world.linear.deliverTo(`http://127.0.0.1:${port}/`, secret);
  }

  /** A person assigns an issue: the webhook that says so, not delivered yet. */
  async assign(issue: Issue): Promise<Delivery> {
    const { identifier } = await this.world.linear.people<{ identifier: string }>('issues', { ...issue, delegate: true });
    const { id } = await this.world.linear.session(identifier);
    return this.about(id, 'created');
  }

  /** Several at once; in order. */
  async assignAll(issues: readonly Issue[]): Promise<readonly Delivery[]> {
    const made: Delivery[] = [];
    const queue = issues.map((issue, index) => ({ issue, index }));
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next; next = queue.shift()) made[next.index] = await this.assign(next.issue);
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    return made;
  }

  /** A person presses stop: the webhook that says so. */
  async stop(sessionId: string): Promise<Delivery> {
    await this.world.linear.people(`sessions/${sessionId}/stop`);
    return this.about(sessionId, 'prompted');
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private about(sessionId: string, action: string): Promise<Delivery> {
    return until(`a webhook ${action} of ${sessionId}`, () =>
      this.kept.findLast((each) => each.sessionId === sessionId && each.body.includes(`"action":"${action}"`)),
    );
  }

  private keep(body: Buffer, headers: IncomingHttpHeaders): void {
    const event = JSON.parse(body.toString('utf8')) as { type: string; agentSession?: { id: string } };
    if (event.type !== 'AgentSessionEvent' || !event.agentSession) return;
    const sent = Object.entries(headers).filter(([name]) => name === 'content-type' || name.startsWith('linear-'));
    this.kept.push({ sessionId: event.agentSession.id, body, headers: Object.fromEntries(sent) as Record<string, string> });
  }
}
