import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { LinearClient } from '@linear/sdk';
import { LinearWebhookClient } from '@linear/sdk/webhooks';
import { onTestFinished } from 'vitest';
import type { LinearOptions } from '../src/options.ts';
import { type LinearStandIn, startLinear } from '../src/server.ts';

export const secret = 'whsec_local';

interface Named {
  readonly id: string;
  readonly name: string;
}

/** The fields of webhook bodies that tests read; which of them are there depends on the type. */
export interface Body {
  readonly type: string;
  readonly action: string;
  readonly webhookTimestamp: number;
  readonly promptContext: string;
  readonly previousComments: readonly { readonly body: string }[];
  readonly agentSession: {
    readonly id: string;
    readonly creator: Named | null;
    readonly comment: { readonly body: string };
    readonly sourceCommentId: string | null;
    readonly issue: Readonly<Record<string, unknown>>;
  };
  readonly agentActivity: { readonly content: { readonly body: string }; readonly signal: string | null; readonly user: Named };
  readonly notification: Readonly<Record<string, unknown>>;
  readonly updatedFrom: Readonly<Record<string, unknown>>;
}

/** The body of a GraphQL answer. */
export interface AnswerBody {
  readonly data: Readonly<Record<string, Readonly<Record<string, unknown>>>> | null;
  readonly errors: readonly { readonly message: string; readonly extensions: Readonly<Record<string, unknown>> }[];
}

/** A webhook that the SDK's own client verified, or the status it was refused with. */
export interface Received {
  readonly at: number;
  readonly raw: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly status: number;
  readonly body: Body;
}

export class Receiver {
  readonly received: Received[] = [];
  /** Statuses for the next requests instead of the client's own answer. */
  readonly nextStatuses: number[] = [];
  /** How long the next answers take. */
  answerDelayMs = 0;
  url = '';

  /** Bodies that were verified, of one type and action. */
  bodies(type: string, action?: string): Body[] {
    const wanted = this.received.filter((each) => each.status === 200 && each.body.type === type);
    return wanted.filter((each) => action === undefined || each.body.action === action).map((each) => each.body);
  }
}

/** Waits until `read` gives something truthy. @throws Error after `ms` */
export async function until<T>(read: () => T | Promise<T>, ms: number = 60_000): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await read();
    if (value) return value as Exclude<T, undefined | null | false | 0 | ''>;
    if (Date.now() > end) throw new Error(`timeout: ${read}`);
    await sleep(5);
  }
}

/** An endpoint that verifies with the SDK's own webhook client. */
export async function startReceiver(): Promise<Receiver> {
  const receiver = new Receiver();
  const verify = new LinearWebhookClient(secret).createHandler();
  const server = createServer(async (request, response) => {
    const raw = await buffer(request).catch(() => undefined);
    // Whoever waits only so long may be gone before all of it is there.
    if (raw === undefined) return response.destroy();
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const answer = await verify(new Request('http://local/', { method: 'POST', body: raw, headers }));
    const status = receiver.nextStatuses.shift() ?? answer.status;
    receiver.received.push({ at: Date.now(), raw: raw.toString(), headers, status, body: JSON.parse(raw.toString()) });
    if (receiver.answerDelayMs) await sleep(receiver.answerDelayMs);
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`;
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return receiver;
}

export interface Bench {
  readonly linear: LinearStandIn;
  readonly receiver: Receiver;
  /** Ada by API key. */
  readonly human: LinearClient;
  /** Cyrus by app token. */
  readonly agent: LinearClient;
}

/** A server, a verifying endpoint and the SDK's clients; all ended with the test. */
export async function startBench(options: LinearOptions = {}): Promise<Bench> {
  const receiver = await startReceiver();
  const linear = await startLinear({ webhook: { url: receiver.url, secret }, ...options });
  onTestFinished(() => linear.stop());
  const apiUrl = linear.graphqlUrl;
  return {
    linear,
    receiver,
    human: new LinearClient({ apiKey: 'lin_api_local', apiUrl }),
    agent: new LinearClient({ accessToken: 'lin_oauth_app', apiUrl }),
  };
}

export interface SessionBench extends Bench {
  readonly sessionId: string;
  readonly issueId: string;
  readonly act: (content: unknown, more?: object) => ReturnType<LinearClient['createAgentActivity']>;
}

/** The same with an issue delegated to the agent and its `created` received. */
export async function startSession(options: LinearOptions = {}): Promise<SessionBench> {
  const bench = await startBench(options);
  const { id: issueId } = bench.linear.people.createIssue({ title: 'Fix checkout', delegate: true });
  const created = await until(() => bench.receiver.bodies('AgentSessionEvent', 'created')[0]);
  const sessionId = String(created.agentSession.id);
  const act: SessionBench['act'] = (content, more = {}) =>
    bench.agent.createAgentActivity({ agentSessionId: sessionId, content: content as Record<string, unknown>, ...more });
  return { ...bench, sessionId, issueId, act };
}

/** A GraphQL request without the SDK. */
export async function query(
  url: string,
  text: string,
  options: { variables?: object; token?: string } = {},
): Promise<{ status: number; headers: Headers; body: AnswerBody }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: options.token ?? 'Bearer lin_oauth_app' },
    body: JSON.stringify({ query: text, variables: options.variables ?? {} }),
  });
  const answer = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  const body = (isJson ? JSON.parse(answer) : { data: null, errors: [] }) as AnswerBody;
  return { status: response.status, headers: response.headers, body };
}
