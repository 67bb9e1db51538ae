import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Answer, answer, rateLimited, refusal } from './answer.ts';
import { type Call, createApi } from './api.ts';
import { calm, type FaultRequest, type FaultState, setFaults, takeFault, takeLostAnswer } from './faults.ts';
import type { Stage } from './play.ts';
import { matchRoute } from './routes.ts';
import type { ScriptRule } from './script.ts';
import { stream, streamRefusal } from './stream.ts';
import { type CodeHostAccess, openWorkspace, type Workspace } from './workspace.ts';
import { type Agent, agentBody, isActive, type Run, runBody } from './world.ts';

export interface CursorOptions {
  /** Absent: any free one. */
  readonly port?: number;
  readonly apiKey?: string;
  /** How agents reach the code host: what the Cursor GitHub app would give them. */
  readonly codeHost?: CodeHostAccess;
  /** Pause between two things an agent does (default 20). */
  readonly eventDelayMs?: number;
  readonly heartbeatMs?: number;
  /** Repositories the account can reach; absent: every one. */
  readonly repositories?: readonly string[];
  /** Runs are part of the plan: they have a cost, and nothing is charged. */
  readonly included?: boolean;
}

/** A call as it was made; `status` 0: its connection was cut. */
export interface CallRecord {
  readonly operation: string;
  readonly status: number;
  readonly body: unknown;
}

export interface CursorState {
  readonly agents: readonly {
    readonly id: string;
    readonly name: string;
    readonly request: Agent['request'];
    readonly branch: string | undefined;
    readonly prUrl: string | undefined;
    readonly runs: readonly {
      readonly id: string;
      readonly status: string;
      readonly active: boolean;
      readonly prompt: string;
      readonly chargedCents: number;
    }[];
  }[];
}

export interface CursorStandIn {
  readonly url: string;
  readonly apiKey: string;
  /** @throws Error for a switch there is not */
  setFaults(request: FaultRequest): void;
  /** Lets agents that wait go on. */
  release(): void;
  /** How many agents wait for a release. */
  waiting(): number;
  state(): CursorState;
  calls(operation?: string): readonly CallRecord[];
  /** Ends every run and connection, and removes the workspaces. */
  stop(): Promise<void>;
}

/** Starts the service. Agents and runs live in memory until `stop`. */
export async function startCursor(options: CursorOptions = {}): Promise<CursorStandIn> {
  const root = await mkdtemp(join(tmpdir(), 'stand-in-cursor-'));
  const apiKey = options.apiKey ?? 'crsr_local';
  const agents = new Map<string, Agent>();
  const calls: CallRecord[] = [];
  const scripts: ScriptRule[] = [];
  const faults: FaultState = calm();
  const workspaces = new Map<string, Promise<Workspace>>();
  const over = new AbortController();
  const timers = new Set<NodeJS.Timeout>();
  let change = Promise.withResolvers<void>();
  let release = Promise.withResolvers<void>();
  let waiting = 0;
  const streams = new Set<ServerResponse>();

  const changed = (): void => {
    change.resolve();
    change = Promise.withResolvers<void>();
  };
  const ended = async (run: Run): Promise<void> => {
    while (isActive(run) && !over.signal.aborted) await change.promise;
  };
  const after = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        resolve();
      }, ms);
      timers.add(timer);
    });
  const stage: Stage = {
    eventDelayMs: options.eventDelayMs ?? 20,
    now: () => Date.now(),
    sleep: (ms, run) => Promise.race([after(ms), ended(run)]),
    async released(run) {
      waiting++;
      await Promise.race([release.promise, ended(run)]);
      waiting--;
    },
    changed,
    workspace(agent) {
      const repository = agent.request.repos?.[0];
      if (!repository) throw new Error('an agent without a repository has nowhere to push to');
      agent.branch ??= `cursor/agent-${agent.id.slice(3, 11)}`;
      const opened =
        workspaces.get(agent.id) ??
        openWorkspace({
          directory: join(root, agent.id),
          url: repository.url,
          startingRef: repository.startingRef,
          branch: agent.branch,
          access: options.codeHost ?? {},
        });
      workspaces.set(agent.id, opened);
      return opened;
    },
  };
  const api = createApi({ agents, faults, stage, included: options.included ?? false, repositories: options.repositories, scripts });

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      process.stderr.write(`stand-in cursor: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      if (response.headersSent) response.destroy();
      else send(response, refusal(500, 'internal_error', 'Internal server error'));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = new URL(request.url ?? '/', url);
    const method = request.method ?? 'GET';
    const body = await readJson(request).catch(() => undefined);
    if (target.pathname.startsWith('/control/')) return send(response, control(method, target, body));
    const route = matchRoute(method, target.pathname);
    const name = route?.operation ?? 'not_modelled';
    const record = (status: number): void => void calls.push({ operation: name, status, body });
    const reply = (given: Answer): void => {
      record(given.status);
      send(response, given);
    };
    if (faults.latencyMs > 0) await after(faults.latencyMs);
    if (!route) return reply(refusal(501, 'not_implemented', `NOT_MODELLED: ${method} ${target.pathname}`));
    const fault = takeFault(faults, route.operation, Date.now());
    if (fault?.status === 429) return reply(rateLimited(fault.retryAfterSeconds));
    if (fault) return reply(refusal(fault.status, 'upstream_error', 'The service is temporarily unavailable.'));
    if (!authorized(request.headers.authorization, apiKey)) return reply(refusal(401, 'unauthorized', 'Invalid or missing API key'));
    const call: Call = { params: route.params, query: target.searchParams, body };
    if (route.operation === 'runs.stream') {
      const found = api.find(call);
      if ('status' in found) return reply(found);
      const lastEventId = request.headers['last-event-id'];
      const wanted = {
        run: found.run,
        lastEventId: typeof lastEventId === 'string' ? lastEventId : undefined,
        faults,
        heartbeatMs: options.heartbeatMs ?? 15_000,
        now: Date.now(),
      };
      const refused = streamRefusal(wanted);
      if (refused) return reply(refused);
      record(200);
      streams.add(response);
      return stream(response, wanted, () => change.promise).finally(() => streams.delete(response));
    }
    const given = api.answer(route.operation, call);
    if (given.status < 400 && takeLostAnswer(faults, route.operation)) {
      record(0);
      response.destroy();
      return;
    }
    reply(given);
  }

  function control(method: string, target: URL, body: unknown): Answer {
    switch (`${method} ${target.pathname}`) {
      case 'POST /control/faults':
        return applyFaults(body as FaultRequest);
      case 'POST /control/script':
        scripts.push(body as ScriptRule);
        return answer(200, { ok: true });
      case 'POST /control/release':
        standIn.release();
        return answer(200, { ok: true });
      case 'GET /control/state':
        return answer(200, standIn.state());
      case 'GET /control/calls':
        return answer(200, { calls: standIn.calls(target.searchParams.get('operation') ?? undefined) });
      default:
        return answer(404, { error: { code: 'not_found', message: 'no such control' } });
    }
  }

  function applyFaults(request: FaultRequest): Answer {
    try {
      standIn.setFaults(request);
      return answer(200, { ok: true });
    } catch (error) {
      return answer(400, { error: { code: 'validation_error', message: String(error) } });
    }
  }

  const standIn: CursorStandIn = {
    url,
    apiKey,
    setFaults(request) {
      setFaults(faults, request, Date.now());
      if (request.outageMs) for (const response of streams) response.destroy();
      changed();
    },
    release() {
      release.resolve();
      release = Promise.withResolvers<void>();
    },
    waiting: () => waiting,
    state: () => ({
      agents: [...agents.values()].map((agent) => ({
        id: agent.id,
        name: String(agentBody(agent)['name']),
        request: agent.request,
        branch: agent.branch,
        prUrl: agent.prUrl,
        runs: agent.runs.map((run) => ({
          id: run.id,
          status: String(runBody(agent, run, undefined)['status']),
          active: isActive(run),
          prompt: run.prompt,
          chargedCents: run.chargedCents,
        })),
      })),
    }),
    calls: (operation) => calls.filter((call) => operation === undefined || call.operation === operation),
    async stop() {
      over.abort();
      for (const agent of agents.values()) for (const run of agent.runs) run.endedAt ??= Date.now();
      changed();
      for (const timer of timers) clearTimeout(timer);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      await Promise.allSettled(workspaces.values());
      await rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
  return standIn;
}

function authorized(header: string | undefined, apiKey: string): boolean {
  if (header === `Bearer ${apiKey}`) return true;
  return header === `Basic ${Buffer.from(`${apiKey}:`).toString('base64')}`;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

function send(response: ServerResponse, given: Answer): void {
  response
    .writeHead(given.status, { 'content-type': 'application/json; charset=utf-8', 'x-request-id': randomUUID(), ...given.headers })
    .end(JSON.stringify(given.body));
}
