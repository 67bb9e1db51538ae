import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionResult, GraphQLError } from 'graphql';
import { maxQueryPoints } from '../access/limits.ts';
import type { Token } from '../access/tokens.ts';
import { linearError } from '../errors.ts';
import { type Prepared, pointsOf, type Queries, run, type Touched } from '../graphql/execute.ts';
import type { World } from '../world.ts';
import type { Exchange } from './exchange.ts';

interface Outcome {
  readonly status: number;
  readonly body: ExecutionResult | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly points?: number;
  /** The answer is lost on its way. */
  readonly cut?: boolean;
}

interface Request {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly arrivedAt: number;
  readonly authorization: string | undefined;
  readonly token: Token | undefined;
}

/** `POST /graphql`: authentication, limits, execution and the error envelopes, each with the status Linear uses. */
export async function answerGraphql(world: World, queries: Queries, exchange: Exchange): Promise<void> {
  const arrivedAt = Date.now();
  const outage = world.faults.outage('in');
  const { query, variables } = await exchange.json();
  const request: Request = {
    query: typeof query === 'string' ? query : '',
    variables: (variables ?? {}) as Request['variables'],
    arrivedAt,
    authorization: exchange.request.headers.authorization,
    token: world.tokens.holder(exchange.request.headers.authorization),
  };
  if (outage) return outage.how === 'reset' ? exchange.cut() : exchange.reply(503, { errors: [{ message: 'Service Unavailable' }] });
  const prepared = queries.prepare(request.query);
  const touched: Touched = { issues: new Set(), sessions: new Set() };
  const outcome = await decide(world, request, prepared, touched);
  count(world, request, prepared, touched, outcome);
  const fields = isPrepared(prepared) ? prepared.rootFields : [];
  const latency = world.faults.take('latency', (fault) => fault.field === undefined || fields.includes(fault.field));
  if (latency) await sleep(latency.ms);
  if (outcome.cut) return exchange.cut();
  if (typeof outcome.body !== 'string') return exchange.reply(outcome.status, outcome.body, outcome.headers);
  exchange.response.writeHead(outcome.status, { 'content-type': 'text/html' }).end(outcome.body);
}

async function decide(world: World, request: Request, prepared: Prepared | readonly GraphQLError[], touched: Touched): Promise<Outcome> {
  const { faults } = world;
  const fields = isPrepared(prepared) ? prepared.rootFields : [];
  const gateway = faults.take('http-error');
  if (gateway) return { status: gateway.status, body: '<html><body>upstream error</body></html>' };
  if (request.token && faults.take('expired-token')) {
    world.tokens.expire(request.authorization);
    return refuse(401, notAuthenticated());
  }
  const { token } = request;
  if (!token || faults.take('unauthorized')) return refuse(401, notAuthenticated());
  if (!isPrepared(prepared)) return { status: 400, body: { errors: prepared } };
  const points = pointsOf(prepared, request.variables);
  if (points > maxQueryPoints)
    return refuse(400, linearError('INPUT_ERROR', 'Query too complex', `The query costs ${points} points of ${maxQueryPoints}.`));
  const limited = faults.take('rate-limit', (fault) => fault.endpoint === undefined || fields.includes(fault.endpoint));
  const verdict = world.limits.charge(token.userId, token.kind, points);
  const forced = limited && limitedHeaders(limited.retryAfterSeconds ?? 1, limited.endpoint);
  const headers = { ...verdict.headers, ...forced };
  if (limited || !verdict.allowed) return { ...refuse(limited?.status ?? 400, rateLimited()), headers, points };
  const cuts = (when: 'before' | 'after'): boolean =>
    faults.take('cut', (fault) => (fault.when ?? 'after') === when && (fault.field === undefined || fields.includes(fault.field))) !==
    undefined;
  if (cuts('before')) return { status: 0, body: {}, cut: true, points };
  const actor = { user: world.store.get('User', token.userId), arrivedAt: request.arrivedAt };
  const body = await run(world, prepared, request.variables, actor, touched);
  return { status: 200, body, headers, points, cut: cuts('after') };
}

function count(world: World, request: Request, prepared: Prepared | readonly GraphQLError[], touched: Touched, outcome: Outcome): void {
  const errors = typeof outcome.body === 'string' ? [] : (outcome.body.errors ?? []);
  world.calls.add({
    operation: isPrepared(prepared) ? prepared.operation : 'invalid',
    fields: isPrepared(prepared) ? prepared.rootFields : [],
    user: world.store.find('User', request.token?.userId)?.name ?? null,
    points: outcome.points ?? 0,
    status: outcome.cut ? 0 : outcome.status,
    errors: errors.map((error) => String(error.extensions['code'] ?? 'unknown')),
    issues: [...touched.issues],
    sessions: [...touched.sessions],
  });
}

const isPrepared = (prepared: Prepared | readonly GraphQLError[]): prepared is Prepared => 'document' in prepared;

const refuse = (status: number, error: GraphQLError): Outcome => ({ status, body: { errors: [error] } });

const notAuthenticated = (): GraphQLError =>
  linearError('AUTHENTICATION_ERROR', 'Authentication required, not authenticated', 'You need to authenticate to access this operation.');

const rateLimited = (): GraphQLError =>
  linearError('RATELIMITED', 'Rate limit exceeded', 'Rate limit exceeded. Please slow down and try again later.');

function limitedHeaders(retryAfterSeconds: number, endpoint: string | undefined): Readonly<Record<string, string>> {
  const reset = String(Date.now() + retryAfterSeconds * 1000);
  const scope = endpoint ? 'x-ratelimit-endpoint-requests' : 'x-ratelimit-requests';
  return {
    'retry-after': String(retryAfterSeconds),
    [`${scope}-remaining`]: '0',
    [`${scope}-reset`]: reset,
    ...(endpoint ? { 'x-ratelimit-endpoint-name': endpoint } : {}),
  };
}
