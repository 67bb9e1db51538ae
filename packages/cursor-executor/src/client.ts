import type { Clock } from 'cyrus-core/clock';
import { type Limiter, type RateLimit, waitForTurn } from 'cyrus-executor-interface/limiter';
import type { z } from 'zod';
import { CursorError, classifyAnswer, unreachable } from './failures.ts';
import { type Frame, framesOf } from './sse.ts';
import {
  type Agent,
  agent,
  agents,
  created,
  createdRun,
  type Me,
  me,
  models,
  type Page,
  type Run,
  type RunUsage,
  run,
  runs,
  usage,
} from './wire.ts';

export interface ClientOptions {
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly limiter: Limiter;
  readonly fetch: typeof globalThis.fetch;
  /** The service publishes no number for these calls; this is ours. */
  readonly callsPerMinute: number;
}

export interface NewAgent {
  readonly prompt: { readonly text: string };
  /** `bc-UUID`, ours to choose; not together with `envVars`. A second create with it is refused. */
  readonly agentId?: string;
  readonly name: string;
  readonly model?: { readonly id: string };
  /** `startingRef` is a branch. */
  readonly repos: readonly { readonly url: string; readonly startingRef: string }[];
  readonly workOnCurrentBranch: false;
  readonly autoCreatePR: false;
  readonly envVars?: Readonly<Record<string, string>>;
  readonly mcpServers?: readonly unknown[];
}

export type StreamAnswer =
  | { readonly kind: 'frames'; readonly frames: AsyncIterable<Frame> }
  /** The service no longer keeps it. */
  | { readonly kind: 'expired' }
  /** It does not know the frame to go on from. */
  | { readonly kind: 'unknown-position' };

/**
 * The calls of the Cloud Agents API v1 that are used. Every method throws a `CursorError`; what is `undefined` was answered with 404.
 * @see https://cursor.com/docs/cloud-agent/api/endpoints
 */
export interface CursorClient {
  me(): Promise<Me>;
  /** Ids and aliases of the models there are. */
  models(): Promise<readonly string[]>;
  createAgent(body: NewAgent): Promise<Agent>;
  getAgent(id: string): Promise<Agent | undefined>;
  /** Newest first. */
  listAgents(cursor?: string): Promise<Page<Agent>>;
  /** Oldest first. */
  listRuns(agentId: string): Promise<readonly Run[] | undefined>;
  getRun(agentId: string, runId: string): Promise<Run | undefined>;
  createRun(agentId: string, text: string): Promise<Run>;
  /** `over`: there was nothing to cancel. */
  cancelRun(agentId: string, runId: string): Promise<'cancelled' | 'over' | undefined>;
  usage(agentId: string, runId: string): Promise<RunUsage | undefined>;
  stream(agentId: string, runId: string, after: string | undefined, signal: AbortSignal): Promise<StreamAnswer | undefined>;
}

const timeoutMs = 40_000;
/** A create can take longer than that, and succeeds all the same. */
const createTimeoutMs = 90_000;

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Completes "Cursor … while …". */
  readonly doing: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export function createClient(options: ClientOptions): CursorClient {
  const { clock, limiter, random } = options;
  const base = options.apiUrl.replace(/\/+$/, '');
  const credential = `cursor:${base}`;
  const rate: RateLimit = { bucket: 'calls', limit: options.callsPerMinute, perMs: 60_000 };

  /** The answer's head, in time, or a failure. The body is read within the same time, but for a stream. */
  async function send<T>(call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    const mutation = call.method === 'POST';
    await waitForTurn({ limiter, clock, random, credential, rate, ...(call.signal ? { signal: call.signal } : {}) });
    const over = new AbortController();
    const limitMs = call.timeoutMs ?? timeoutMs;
    const late = new AbortController();
    void clock.sleep(limitMs, late.signal).then(() => {
      if (!late.signal.aborted) over.abort(new Error(`no answer within ${limitMs / 1000} s`));
    });
    const signal = call.signal ? AbortSignal.any([over.signal, call.signal]) : over.signal;
    try {
      const response = await options.fetch(base + call.path, {
        method: call.method,
        redirect: 'error',
        signal,
        headers: {
          authorization: `Bearer ${options.apiKey}`,
          accept: 'application/json',
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...call.headers,
        },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      });
      if (response.ok) return await read(response);
      const text = await response.text();
      const failure = classifyAnswer(
        { status: response.status, headers: response.headers, body: jsonOf(text) },
        call.doing,
        mutation,
        clock.now(),
      );
      if (failure.failure.retryAt !== undefined) await limiter.holdBack(credential, failure.failure.retryAt);
      throw failure;
    } catch (error) {
      if (error instanceof CursorError) throw error;
      throw unreachable(over.signal.aborted ? over.signal.reason : error, call.doing, mutation);
    } finally {
      late.abort();
    }
  }

  /** @throws CursorError `network` for an answer that is not of the API, which is as good as none. */
  const json = <T>(call: Call, schema: z.ZodType<T>): Promise<T> =>
    send(call, async (response) => {
      const parsed = schema.safeParse(jsonOf(await response.text()));
      if (parsed.success) return parsed.data;
      const where = parsed.error.issues[0]?.path.join('.') || 'the whole answer';
      throw unreachable(new Error(`its answer is not of the Cloud Agents API (${where})`), call.doing, call.method === 'POST');
    });

  const found = <T>(asked: Promise<T>): Promise<T | undefined> =>
    asked.catch((error: unknown) => {
      if (error instanceof CursorError && error.status === 404) return undefined;
      throw error;
    });

  const at = (id: string): string => `/v1/agents/${encodeURIComponent(id)}`;
  const runAt = (id: string, runId: string): string => `${at(id)}/runs/${encodeURIComponent(runId)}`;

  return {
    me: () => json({ method: 'GET', path: '/v1/me', doing: 'asking whose key this is', timeoutMs: 10_000 }, me),
    async models() {
      const { items } = await json({ method: 'GET', path: '/v1/models', doing: 'asking which models there are' }, models);
      return items.flatMap(({ id, aliases }) => [id, ...(aliases ?? [])]);
    },
    async createAgent(body) {
      const call: Call = { method: 'POST', path: '/v1/agents', doing: 'starting an agent', body, timeoutMs: createTimeoutMs };
      return (await json(call, created)).agent;
    },
    getAgent: (id) => found(json({ method: 'GET', path: at(id), doing: 'reading an agent' }, agent)),
    listAgents: (cursor) =>
      json(
        {
          method: 'GET',
          path: `/v1/agents?limit=100&includeArchived=true${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
          doing: 'listing agents',
        },
        agents,
      ),
    async listRuns(id) {
      const page = await found(json({ method: 'GET', path: `${at(id)}/runs?limit=100`, doing: 'listing the runs of an agent' }, runs));
      return page && [...page.items].reverse();
    },
    getRun: (id, runId) => found(json({ method: 'GET', path: runAt(id, runId), doing: 'reading a run' }, run)),
    async createRun(id, text) {
      const body = { prompt: { text } };
      const call: Call = { method: 'POST', path: `${at(id)}/runs`, doing: 'sending a message', body, timeoutMs: createTimeoutMs };
      return (await json(call, createdRun)).run;
    },
    async cancelRun(id, runId) {
      const asked = send({ method: 'POST', path: `${runAt(id, runId)}/cancel`, doing: 'stopping a run' }, (response) => response.text());
      try {
        return (await found(asked)) === undefined ? undefined : 'cancelled';
      } catch (error) {
        if (error instanceof CursorError && error.code === 'run_not_cancellable') return 'over';
        throw error;
      }
    },
    async usage(id, runId) {
      const path = `${at(id)}/usage?runId=${encodeURIComponent(runId)}`;
      const answer = await found(json({ method: 'GET', path, doing: 'reading what a run cost' }, usage));
      return answer?.runs.find((one) => one.id === runId);
    },
    async stream(id, runId, after, signal) {
      const call: Call = {
        method: 'GET',
        path: `${runAt(id, runId)}/stream`,
        doing: "reading a run's events",
        headers: { accept: 'text/event-stream', ...(after === undefined ? {} : { 'last-event-id': after }) },
        signal,
      };
      try {
        return await found(
          send(call, async (response): Promise<StreamAnswer> => {
            if (!response.body) throw new Error('the stream has no body');
            return { kind: 'frames', frames: framesOf(response.body) };
          }),
        );
      } catch (error) {
        if (!(error instanceof CursorError)) throw error;
        if (error.status === 410 || error.code === 'stream_expired') return { kind: 'expired' };
        if (error.code === 'invalid_last_event_id') return { kind: 'unknown-position' };
        throw error;
      }
    },
  };
}

/** A null of an answer is as good as absent. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text, (_key, value: unknown) => value ?? undefined);
  } catch {
    return text;
  }
}
