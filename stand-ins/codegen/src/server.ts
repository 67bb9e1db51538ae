import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, answer, invalid, refusal, unauthorized } from './answer.ts';
import { control } from './control.ts';
import { createFaults, type FaultRequest, type Met } from './faults.ts';
import { handle, type Site } from './handlers.ts';
import { createLimits } from './limits.ts';
import { matchOperation, type OperationName } from './operations.ts';
import { checkSteps, type Step } from './script.ts';
import type { Repository, Run } from './world.ts';

/** One call and its answer, for whoever holds it against the published description. */
export interface Observed {
  readonly operation: OperationName;
  readonly query: Readonly<Record<string, string>>;
  /** Undefined where the call has none. */
  readonly request: unknown;
  readonly status: number;
  readonly body: unknown;
}

export interface CallRecord {
  readonly at: number;
  readonly operation: string;
  readonly path: string;
  /** 0: the connection was cut. */
  readonly status: number;
  readonly lost: boolean;
}

export interface CodegenOptions {
  /** Default 0: any free one. Always on 127.0.0.1. */
  readonly port?: number;
  /** Default `cg_local`. */
  readonly token?: string;
  readonly organisation?: { readonly id: number; readonly name: string };
  /** `acme/app`; default one of that name. */
  readonly repositories?: readonly string[];
  /** Where the repositories are: `{gitRoot}/acme/app.git`, with credentials in it where they are needed. Absent: pushes go nowhere. */
  readonly gitRoot?: string;
  /** Where pull requests are opened. */
  readonly github?: { readonly apiUrl: string; readonly token: string };
  /** How many times faster than real time the service's clock goes. Default 1. */
  readonly timeScale?: number;
  /** Of the stated limits; default 1, 0: none. */
  readonly limitFactor?: number;
  readonly observe?: (observed: Observed) => void;
}

export interface CodegenStandIn {
  readonly url: string;
  readonly token: string;
  readonly organisationId: number;
  setFaults(request: FaultRequest): void;
  /** Plays these steps for prompts that hold `match` and no script of their own. */
  setScript(match: string, steps: readonly Step[]): void;
  /** Lets runs pass the step `{until: name}`. */
  go(name: string): void;
  addRepository(repository: Omit<Repository, 'id'>): number;
  runs(): readonly Run[];
  calls(operation?: OperationName): readonly CallRecord[];
  /** Stops every run, cuts every connection and waits for both. */
  stop(): Promise<void>;
}

const largestBody = 25 * 1024 * 1024;

/** Starts the service: one organisation, its repositories and runs, in memory until `stop`. */
export async function startCodegen(options: CodegenOptions = {}): Promise<CodegenStandIn> {
  const token = options.token ?? 'cg_local';
  const scale = options.timeScale ?? 1;
  const began = Date.now();
  const now = (): number => began + (Date.now() - began) * scale;
  const over = new AbortController();
  let ids = 9000;
  const nextId = (): number => ++ids;
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const gate = (name: string): PromiseWithResolvers<void> => {
    const held = gates.get(name) ?? Promise.withResolvers<void>();
    gates.set(name, held);
    return held;
  };
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      process.stderr.write(`stand-in codegen: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const remoteOf = (fullName: string): { remote?: string } =>
    options.gitRoot === undefined ? {} : { remote: `${options.gitRoot.replace(/\/+$/, '')}/${fullName}.git` };
  const site: Site = {
    organisation: options.organisation ?? { id: 42, name: 'Acme' },
    repositories: (options.repositories ?? ['acme/app']).map((fullName) => ({ id: nextId(), fullName, ...remoteOf(fullName) })),
    runs: [],
    rules: [],
    faults: createFaults(now),
    limits: createLimits(options.limitFactor ?? 1, now),
    webUrl: url,
    stage: {
      now,
      nextId,
      github: options.github,
      isStuck: () => site.faults.now.stuck,
      wait: (ms, signal) => sleep(ms / scale, undefined, { signal: AbortSignal.any([signal, over.signal]) }),
      gone: (name, signal) => unless(gate(name).promise, AbortSignal.any([signal, over.signal])),
    },
  };
  const calls: CallRecord[] = [];

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const method = request.method ?? 'GET';
    const target = new URL(request.url ?? '/', url);
    const text = await readBody(request);
    if (target.pathname.startsWith('/control/')) {
      const given = controlled(() => control(standIn, site, method, target, text === '' ? {} : JSON.parse(text)));
      return send(response, given ?? answer(404, { message: `no ${method} ${target.pathname}` }));
    }
    const matched = matchOperation(method, target.pathname);
    const name = matched?.operation.name ?? 'not_modelled';
    const record = (status: number, lost = false): void =>
      void calls.push({ at: now(), operation: name, path: request.url ?? '/', status, lost });
    if (site.faults.now.latencyMs > 0) await sleep(site.faults.now.latencyMs / scale);
    const met = site.faults.take(name);
    if (met?.kind === 'disconnect') {
      record(0);
      response.destroy();
      return;
    }
    if (met) {
      const given = instead(met);
      record(given.status);
      return send(response, given);
    }
    if (!matched) {
      record(404);
      return send(response, answer(404, { detail: 'Not Found' }));
    }
    if (request.headers.authorization !== `Bearer ${token}`) {
      record(401);
      return send(response, unauthorized);
    }
    const body = jsonOf(text);
    const handled = body
      ? handle({ site, ...matched, query: target.searchParams, body })
      : { answer: invalid({ loc: ['body'], msg: 'JSON decode error', type: 'json_invalid' }) };
    const { status } = handled.answer;
    options.observe?.({
      operation: matched.operation.name,
      query: Object.fromEntries(target.searchParams),
      request: text === '' ? undefined : body,
      status,
      body: handled.answer.body,
    });
    if (handled.silent || (status < 400 && site.faults.takeLostAnswer(name))) {
      record(0, true);
      // Never answered is the caller's to notice; lost is cut at once.
      if (!handled.silent) response.destroy();
      return;
    }
    record(status);
    send(response, handled.answer);
  };

  const standIn: CodegenStandIn = {
    url,
    token,
    organisationId: site.organisation.id,
    setFaults: (request) => site.faults.set(request),
    setScript: (match, steps) => void site.rules.push({ match, steps: checkSteps(steps) }),
    go: (name) => gate(name).resolve(),
    addRepository({ fullName, remote }) {
      const id = nextId();
      site.repositories.push({ id, fullName, ...(remote === undefined ? remoteOf(fullName) : { remote }) });
      return id;
    },
    runs: () => site.runs,
    calls: (operation) => calls.filter((call) => operation === undefined || call.operation === operation),
    async stop() {
      over.abort();
      for (const run of site.runs) run.stop.abort();
      await Promise.all(site.runs.map(({ playing }) => playing));
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
  return standIn;
}

/** What is answered in place of the service's own answer. */
function instead(met: Exclude<Met, { readonly kind: 'disconnect' }>): Answer {
  if (met.kind === 'page') return answer(200, '<!doctype html><title>Codegen</title><h1>Codegen has joined ClickUp</h1>');
  if (met.status !== 429) return answer(met.status, { detail: 'Not available' });
  const { retryAfterSeconds } = met;
  return { ...refusal(429), ...(retryAfterSeconds === undefined ? {} : { headers: { 'retry-after': String(retryAfterSeconds) } }) };
}

function controlled(run: () => Answer | undefined): Answer | undefined {
  try {
    return run();
  } catch (error) {
    return answer(400, { message: error instanceof Error ? error.message : String(error) });
  }
}

/** The promise, unless the signal is first. */
function unless(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new Error('stopped'));
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject);
  });
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > largestBody) throw new Error('the body is too large');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function jsonOf(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, given: Answer): void {
  const isPage = typeof given.body === 'string';
  response
    .writeHead(given.status, { 'content-type': isPage ? 'text/html; charset=utf-8' : 'application/json', ...given.headers })
    .end(isPage ? String(given.body) : JSON.stringify(given.body));
}
