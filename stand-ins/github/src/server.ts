import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, answer, notFound, Refusal, refusal } from './answer.ts';
import { type Apps, createApps, denied } from './apps.ts';
import { cloneUrl } from './bodies/repository.ts';
import type { Schemas } from './bodies/schemas.ts';
import { type CallRecord, createCalls } from './calls.ts';
import { control, type SiteState, siteState } from './control.ts';
import { createRepository, type NewRepository } from './create-repository.ts';
import { createFaults, type Fault, type FaultRequest } from './faults.ts';
import { basicToken, matchGit, runGit, sendGit } from './git-http.ts';
import { graphql } from './graphql.ts';
import { createLimiter, primaryLimit, secondaryLimit } from './limits.ts';
import { type AppOperationName, matchOperation, type Operation, type OperationName } from './operations.ts';
import { pullPage } from './page.ts';
import { createPeople, type People } from './people.ts';
import { applyRefChanges } from './ref-changes.ts';
import { appHandlers, handlers } from './rest/handlers.ts';
import { createWebhooks, type Delivery, type WebhookTarget } from './webhooks.ts';
import { type Account, accountOf, findRepository, fullName, type Site } from './world.ts';

export type { SiteState } from './control.ts';

/** What went over the wire, for whoever holds it against the contract. */
export type Observed =
  | { readonly kind: 'answer'; readonly operation: OperationName; readonly status: number; readonly body: unknown }
  | { readonly kind: 'webhook'; readonly event: string; readonly payload: Record<string, unknown> };

export interface GitHubOptions {
  /** Default 0: any free one. Always on 127.0.0.1. */
  readonly port?: number;
  /** Where the repositories are kept; default a temporary directory that `stop` removes. */
  readonly root?: string;
  /** Token to account; default `ghp_local` for `cyrus-bot`. */
  readonly tokens?: Readonly<Record<string, { readonly login: string; readonly permission?: 'write' | 'read' }>>;
  readonly webhook?: WebhookTarget;
  /** Default 5,000 calls an hour, and no limit on writes a minute (the real one is about 80). */
  readonly limits?: { readonly perHour?: number; readonly writesPerMinute?: number };
  /** How many times faster than real time the limits' windows pass. Default 1. */
  readonly timeScale?: number;
  /** As an Enterprise Server: the REST API under `/api/v3`, nothing of it at the root. */
  readonly enterprise?: boolean;
  /** How long installation tokens live; default an hour. */
  readonly tokenLifeMs?: number;
  readonly observe?: (observed: Observed) => void;
}

export interface CreatedRepository {
  readonly fullName: string;
  readonly cloneUrl: string;
  /** The bare repository on disk. */
  readonly directory: string;
}

export interface GitHubStandIn {
  /** Of pages and, with `/{owner}/{repo}.git`, of git. */
  readonly url: string;
  /** Base of the REST API: the same, or `/api/v3` below it. */
  readonly apiUrl: string;
  /** The first token there is. */
  readonly token: string;
  readonly people: People;
  createRepository(request: NewRepository): Promise<CreatedRepository>;
  setFaults(request: FaultRequest): void;
  setWebhook(target: WebhookTarget | undefined): void;
  state(): SiteState;
  calls(operation?: string): readonly CallRecord[];
  notModelled(): readonly string[];
  deliveries(): readonly Delivery[];
  /** Resolves when every webhook sent so far has been answered. */
  settled(): Promise<void>;
  /** Cuts every connection, waits for the port to be free and removes the temporary directory. */
  stop(): Promise<void>;
}

const largestBody = 25 * 1024 * 1024;

/** Starts the service. Repositories, pull requests and all else live in memory and on disk until `stop`. */
export async function startGitHub(options: GitHubOptions = {}): Promise<GitHubStandIn> {
  const root = options.root ?? (await mkdtemp(join(tmpdir(), 'stand-in-github-')));
  await mkdir(root, { recursive: true });
  let ids = 1000;
  const nextId = (): number => ++ids;
  const accounts = new Map<string, Account>();
  const tokens = new Map(
    Object.entries(options.tokens ?? { ghp_local: { login: 'cyrus-bot' } }).map(([token, { login, permission = 'write' }]) => [
      token,
      { ...accountOf({ accounts, nextId }, login), permission },
    ]),
  );
  const faults = createFaults();
  const limiter = createLimiter({
    perHour: options.limits?.perHour ?? 5000,
    writesPerMinute: options.limits?.writesPerMinute,
    timeScale: options.timeScale ?? 1,
  });
  const calls = createCalls();
  const webhooks = createWebhooks(
    () => faults,
    (event, payload) => options.observe?.({ kind: 'webhook', event, payload }),
    options.webhook,
  );
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      process.stderr.write(`stand-in github: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      if (response.headersSent) response.destroy();
      else send(response, answer(500, { message: 'Server Error' }));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const apps: Apps = createApps({ accounts, nextId }, options.tokenLifeMs ?? 3_600_000);
  const site: Site = { root, url, repositories: new Map(), accounts, tokens, apps, pushes: [], faults, webhooks, nextId };
  const callerOf = (token: string): Account | undefined => tokens.get(token) ?? apps.callerOf(token);
  const apiPath = options.enterprise ? '/api/v3' : '';
  const graphqlPath = options.enterprise ? '/api/graphql' : '/graphql';
  const people = createPeople(site);

  /** Applies a fault; true when it has ended the call. */
  const meet = (response: ServerResponse, fault: Fault | undefined, caller: Account | undefined): number | undefined => {
    if (!fault) return undefined;
    if (fault.kind === 'disconnect') {
      response.destroy();
      return 0;
    }
    const given =
      fault.kind === 'status'
        ? answer(fault.status, { message: fault.status === 503 ? 'Service Unavailable' : 'Server Error' })
        : fault.limit === 'secondary' || !caller
          ? secondaryLimit(fault.retryAfterSeconds)
          : primaryLimit(caller, { ...limiter.quota(caller), reset: Math.ceil(Date.now() / 1000) + fault.retryAfterSeconds });
    send(response, given);
    return given.status;
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const method = request.method ?? 'GET';
    const target = new URL(request.url ?? '/', url);
    if (target.pathname.startsWith('/control/') || target.pathname.startsWith('/people/')) {
      const given = await control(site, people, calls, method, target, await readJson(request)).catch((error: unknown) =>
        answer(400, { message: error instanceof Error ? error.message : String(error) }),
      );
      return send(response, given ?? answer(404, { message: `no ${method} ${target.pathname}` }));
    }
    const record = (operation: string, status: number, by: Account | undefined, lost = false): void =>
      calls.record({ at: new Date().toISOString(), operation, method, path: request.url ?? '/', status, by: by?.login, lost });
    if (faults.latencyMs() > 0) await sleep(faults.latencyMs());

    const asked = matchGit(method, target);
    if (asked) {
      const caller = callerOf(basicToken(request.headers.authorization) ?? '');
      const met = meet(response, faults.take(asked.operation, true), caller);
      if (met !== undefined) return record(asked.operation, met, caller);
      const refuse = (status: number, text: string, headers: Record<string, string> = {}): void => {
        response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(text);
        record(asked.operation, status, caller);
      };
      if (!caller) return refuse(401, 'Invalid username or token.', { 'www-authenticate': 'Basic realm="GitHub"' });
      const repository = findRepository(site, asked.owner, asked.name);
      const pushes = asked.service === 'git-receive-pack';
      const refused = denied(caller, repository, ['contents', pushes ? 'write' : 'read']);
      if (!repository || refused === 'hidden') return refuse(404, 'Repository not found.');
      if (refused) return refuse(403, `Permission to ${fullName(repository)}.git denied to ${caller.login}.`);
      if (pushes && caller.permission === 'read')
        return refuse(403, `Permission to ${fullName(repository)}.git denied to ${caller.login}.`);
      const { answer: given, changes } = await runGit(request, target.search.slice(1), asked, repository, caller);
      if (changes.length > 0) {
        await repository.lock(() => applyRefChanges(site, repository, changes, caller, 'git'));
        if (faults.takeLostAnswer('git.push')) {
          response.destroy();
          return record('git.push', 0, caller, true);
        }
      }
      record(asked.operation, given.status, caller);
      return sendGit(response, given);
    }

    const page = method === 'GET' ? await pullPage(site, target.pathname) : undefined;
    if (page !== undefined) {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'" }).end(page);
      return;
    }

    const inApi = target.pathname.startsWith(`${apiPath}/`);
    const match = inApi ? matchOperation(method, target.pathname.slice(apiPath.length)) : undefined;
    const isGraphql = method === 'POST' && target.pathname === graphqlPath;
    const name: string = isGraphql ? 'graphql' : (match?.operation.name ?? 'not_modelled');
    const bearer = (request.headers.authorization ?? '').replace(/^(bearer|token) /i, '');
    const app = match && isOfApps(match.operation.name) ? apps.identify(bearer) : undefined;
    const caller = typeof app === 'object' ? app.bot : callerOf(bearer);
    const body = await readJson(request).catch(() => undefined);
    const met = meet(response, faults.take(name, false), caller);
    if (met !== undefined) return record(name, met, caller);
    let given: Answer;
    if (!match && !isGraphql) given = answer(501, { message: `NOT_MODELLED: ${method} ${target.pathname}` });
    else if (typeof app === 'string') given = refusal(401, app).answer;
    else if (!caller) given = refusal(401, request.headers.authorization ? 'Bad credentials' : 'Requires authentication').answer;
    else if (body === undefined) given = refusal(400, 'Problems parsing JSON').answer;
    else if (!match) given = await graphql({ site, caller, body });
    else {
      const call = { site, params: match.params, query: target.searchParams, body };
      const { operation } = match;
      given = await (app && isOfApps(operation.name)
        ? answered(appHandlers[operation.name]({ ...call, app }))
        : run(operation, { ...call, caller }, method !== 'GET'));
    }
    if (match) options.observe?.({ kind: 'answer', operation: match.operation.name, status: given.status, body: given.body });
    if (given.status < 400 && faults.takeLostAnswer(name)) {
      response.destroy();
      return record(name, 0, caller, true);
    }
    record(name, given.status, caller);
    const quota = caller && limiter.quota(caller);
    send(
      response,
      given,
      quota && {
        'x-ratelimit-limit': String(quota.limit),
        'x-ratelimit-remaining': String(quota.remaining),
        'x-ratelimit-used': String(quota.used),
        'x-ratelimit-reset': String(quota.reset),
        'x-ratelimit-resource': 'core',
      },
    );
  };

  const run = async ({ name, needs }: Operation, call: Parameters<(typeof handlers)['repos.get']>[0], writes: boolean): Promise<Answer> => {
    if (isOfApps(name)) return refusal(401, 'A JSON web token could not be decoded').answer;
    if (name === 'rateLimit.get') {
      const quota = limiter.quota(call.caller);
      const body: Schemas['rate-limit-overview'] = {
        resources: { core: quota, search: { ...quota, limit: 30, used: 0, remaining: 30 } },
        rate: quota,
      };
      return answer(200, body);
    }
    const limited = limiter.take(call.caller, writes);
    if (limited) return limited;
    if (writes && call.caller.permission === 'read') return refusal(403, 'Resource not accessible by personal access token').answer;
    const { grant } = call.caller;
    if (grant) {
      const repository = findRepository(site, call.params['owner'] ?? '', call.params['repo'] ?? '');
      const refused = needs ? denied(call.caller, repository, needs) : 'forbidden';
      if (refused === 'hidden') return notFound().answer;
      if (refused) {
        const headers: Record<string, string> = needs ? { 'x-accepted-github-permissions': needs.join('=') } : {};
        const suspended = grant.installation.suspendedAt !== null;
        return refusal(403, suspended ? 'This installation has been suspended' : 'Resource not accessible by integration', headers).answer;
      }
    }
    return answered(handlers[name](call));
  };

  return {
    url,
    apiUrl: `${url}${apiPath}`,
    token: [...tokens.keys()][0] ?? '',
    people,
    async createRepository(request) {
      const repository = await createRepository(site, request);
      return { fullName: fullName(repository), cloneUrl: cloneUrl(url, repository), directory: repository.directory };
    },
    setFaults: (request) => faults.set(request),
    setWebhook: (target) => webhooks.setTarget(target),
    state: () => structuredClone(siteState(site)),
    calls: (operation) => calls.recent.filter((call) => operation === undefined || call.operation === operation),
    notModelled: () => calls.notModelled,
    deliveries: () => webhooks.deliveries,
    settled: () => webhooks.settled(),
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      if (options.root === undefined) await rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
}

const isOfApps = (name: OperationName): name is AppOperationName => name.startsWith('apps.');

/** The answer of a handler, its refusal included. */
async function answered(handled: Promise<Answer>): Promise<Answer> {
  try {
    return await handled;
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    throw error;
  }
}

/** The JSON object of a request; `{}` when it has none. @throws Error when it is too large or no JSON object */
async function readJson(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > largestBody) throw new Error('the body is too large');
    chunks.push(chunk as Buffer);
  }
  if (size === 0) return {};
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('the body is not a JSON object');
  return value as Readonly<Record<string, unknown>>;
}

function send(response: ServerResponse, given: Answer, headers: Readonly<Record<string, string>> = {}): void {
  const all = { 'x-github-request-id': randomUUID(), ...headers, ...given.headers };
  if (given.body === undefined) {
    response.writeHead(given.status, all).end();
    return;
  }
  response.writeHead(given.status, { 'content-type': 'application/json; charset=utf-8', ...all }).end(JSON.stringify(given.body));
}
