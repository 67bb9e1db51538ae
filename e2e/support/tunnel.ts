import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A webhook that Linear was told had arrived. */
interface Swallowed {
  readonly body: Buffer;
  readonly headers: IncomingHttpHeaders;
}

/** What stands between Linear and the service, and may lose what it was given: Linear is told 200 all the same. */
export class Tunnel {
  readonly url: string;
  private readonly server: Server;
  private readonly target: () => string;
  private readonly lost: Swallowed[] = [];
  /** Whether a webhook gets through. */
  passes: (body: string) => boolean = () => true;

  private constructor(server: Server, target: () => string) {
    this.server = server;
    this.target = target;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', async (request, response) => {
      // Whoever is killed in the middle of it breaks the connection, here or there.
      const body = await buffer(request).catch(() => undefined);
      if (body === undefined) return response.destroy();
      const swallowed = { body, headers: request.headers };
      if (this.passes(body.toString('utf8'))) {
        response.writeHead(await this.forward(swallowed).catch(() => 502)).end();
      } else {
        this.lost.push(swallowed);
        response.writeHead(200).end();
      }
    });
  }

  static async open(target: () => string): Promise<Tunnel> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Tunnel(server, target);
  }

  get lostCount(): number {
    return this.lost.length;
  }

  /** Delivers everything that was lost, with the same bytes, and forgets it; the answers. */
  async deliverLate(): Promise<readonly number[]> {
    const answers: number[] = [];
    for (const each of this.lost.splice(0)) answers.push(await this.forward(each));
    return answers;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async forward({ body, headers }: Swallowed): Promise<number> {
    const kept = Object.entries(headers).filter(([name]) => name.startsWith('linear-') || name === 'content-type');
    const answer = await fetch(this.target(), {
      method: 'POST',
      headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
      body: new Uint8Array(body),
    });
    await answer.text();
    return answer.status;
  }
}
