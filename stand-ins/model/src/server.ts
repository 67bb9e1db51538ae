import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { chooseStep } from './choose-step.ts';
import { type MessagesRequest, systemText, userTexts } from './conversation.ts';
import { type Faults, faultSwitches } from './faults.ts';
import { type InputTokens, promptCache } from './prompt-cache.ts';
import { reply } from './reply.ts';
import { checkRule, type ScriptRule } from './script.ts';

export interface ModelOptions {
  /** 0 (the default) takes a free port. */
  readonly port?: number;
  readonly host?: string;
  /** The keys it accepts; absent: any, but one must be given. */
  readonly apiKeys?: readonly string[];
  readonly scripts?: readonly ScriptRule[];
  /** Multiplies every delay of scripts and faults; 0 removes them. */
  readonly timeScale?: number;
  /** Answers with the tokens that the request really has, cached ones apart, instead of the same number each time. */
  readonly countTokens?: boolean;
  /** Keeps the whole system prompt of each request in its record. */
  readonly keepSystem?: boolean;
}

/** One request as it came, for tests to read. */
export interface RecordedRequest {
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly status: number | undefined;
  readonly apiKey: string | undefined;
  readonly model: string | undefined;
  readonly stream: boolean;
  readonly tools: readonly string[];
  readonly messageCount: number;
  readonly userTexts: readonly string[];
  readonly system: string | undefined;
  /** What of the input a prompt cache would have had; absent for refused calls. */
  readonly tokens: InputTokens | undefined;
  /** The client went away before the answer was complete. */
  readonly aborted: boolean;
}

export interface ModelStandIn {
  readonly url: string;
  readonly port: number;
  /** The newest 2000 requests, oldest first; control requests are not among them. */
  requests(): readonly RecordedRequest[];
  addScript(rule: ScriptRule): void;
  clearScripts(): void;
  setFaults(faults: Faults): void;
  clearFaults(): void;
  close(): Promise<void>;
}

const models = ['claude-opus-5', 'claude-sonnet-5', 'claude-haiku-5', 'claude-sonnet-4-5', 'claude-haiku-4-5'];
const modelInfo = (id: string): object => ({ type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' });
const recordLimit = 2000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * A Messages API on 127.0.0.1 that plays scripted agents (`script.ts`), with switches for what goes wrong (`faults.ts`).
 * Control: `POST|DELETE /control/scripts`, `POST|GET|DELETE /control/faults`, `GET|DELETE /control/requests`.
 */
export async function startModel(options: ModelOptions = {}): Promise<ModelStandIn> {
  const faults = faultSwitches();
  const cache = promptCache(() => Date.now());
  const records: Mutable<RecordedRequest>[] = [];
  let rules: ScriptRule[] = [...(options.scripts ?? [])];
  let answers = 0;
  const wait = (ms: number): Promise<void> => sleep(ms * (options.timeScale ?? 1), undefined, { ref: false });

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (!response.headersSent) sendJson(response, 500, apiError('api_error', String(error)));
      else response.destroy();
    });
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://stand-in').pathname;
    const body = await readBody(request);
    if (path.startsWith('/control/')) {
      try {
        const answered = control(request.method ?? 'GET', path, body);
        return sendJson(response, answered.status, answered.body);
      } catch (error) {
        return sendJson(response, 400, { error: error instanceof Error ? error.message : String(error) });
      }
    }
    const parsed = parseJson(body) as Partial<MessagesRequest> | undefined;
    const apiKey = keyOf(request);
    const record: Mutable<RecordedRequest> = {
      at: Date.now(),
      method: request.method ?? 'GET',
      path,
      status: undefined,
      apiKey,
      model: parsed?.model,
      stream: parsed?.stream === true,
      tools: (parsed?.tools ?? []).map((tool) => tool.name ?? ''),
      messageCount: parsed?.messages?.length ?? 0,
      userTexts: userTexts(parsed?.messages ?? []),
      system: options.keepSystem && parsed?.messages ? systemText(parsed as MessagesRequest) : undefined,
      tokens: undefined,
      aborted: false,
    };
    records.push(record);
    if (records.length > recordLimit) records.shift();
    response.on('close', () => {
      record.status = response.headersSent ? response.statusCode : undefined;
      record.aborted = !response.writableFinished;
    });
    await answer(path, request.method ?? 'GET', parsed, apiKey, response, record);
  }

  async function answer(
    path: string,
    method: string,
    body: Partial<MessagesRequest> | undefined,
    apiKey: string | undefined,
    response: ServerResponse,
    record: Mutable<RecordedRequest>,
  ): Promise<void> {
    const isModelCall = method === 'POST' && path === '/v1/messages';
    const known =
      isModelCall || (method === 'POST' && path === '/v1/messages/count_tokens') || (method === 'GET' && /^\/v1\/models(\/|$)/.test(path));
    if (faults.current().outage) return void response.destroy();
    if (!known) return sendJson(response, 404, apiError('not_found_error', `${method} ${path}`));
    if (!apiKey || (options.apiKeys && !options.apiKeys.includes(apiKey))) {
      return sendJson(response, 401, apiError('authentication_error', 'invalid x-api-key'));
    }
    if (path.startsWith('/v1/models')) {
      const id = path.split('/')[3];
      if (!id)
        return sendJson(response, 200, { data: models.map(modelInfo), has_more: false, first_id: models[0], last_id: models.at(-1) });
      return models.includes(id)
        ? sendJson(response, 200, modelInfo(id))
        : sendJson(response, 404, apiError('not_found_error', `model: ${id}`));
    }
    const mistake = mistakeIn(body, isModelCall);
    if (mistake) return sendJson(response, 400, apiError('invalid_request_error', mistake));
    const request = body as MessagesRequest;
    if (!isModelCall) return sendJson(response, 200, { input_tokens: Math.ceil(JSON.stringify(request).length / 4) });

    const strike = faults.strike(request.model);
    if (strike.kind === 'drop') return void response.destroy();
    if (strike.kind === 'answer') {
      const retryAfter: Record<string, string> = strike.retryAfterS === undefined ? {} : { 'retry-after': String(strike.retryAfterS) };
      return sendJson(response, strike.status, apiError(strike.type, strike.message), retryAfter);
    }
    const { step } = chooseStep(request, rules);
    if (step.delay) await wait(step.delay);
    if (response.destroyed) return;
    if (step.error) return sendJson(response, step.error, apiError(errorType(step.error), step.text ?? `scripted error ${step.error}`));
    const slowMs = step.slow ?? faults.current().slowMs ?? 0;
    record.tokens = cache.account(request);
    const { read, written, fresh } = record.tokens;
    const counted = { input_tokens: fresh, cache_read_input_tokens: read, cache_creation_input_tokens: written };
    const told = options.countTokens ? { ...step, usage: { ...counted, ...step.usage } } : step;
    await reply(response, request, told, { number: ++answers, slowMs, cut: strike.kind === 'cut', wait });
  }

  function control(method: string, path: string, body: string): { status: number; body: object } {
    const value = parseJson(body);
    switch (`${method} ${path.slice('/control/'.length)}`) {
      case 'GET requests':
        return { status: 200, body: records };
      case 'DELETE requests':
        records.length = 0;
        break;
      case 'POST scripts':
        rules.push(...(Array.isArray(value) ? value : [value]).map(checkRule));
        break;
      case 'DELETE scripts':
        rules = [];
        break;
      case 'GET faults':
        return { status: 200, body: faults.current() };
      case 'POST faults':
        faults.set((value ?? {}) as Faults);
        break;
      case 'DELETE faults':
        faults.clear();
        break;
      default:
        return { status: 404, body: { error: `no control ${method} ${path}` } };
    }
    return { status: 200, body: { ok: true } };
  }

  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(options.port ?? 0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    port,
    requests: () => records,
    addScript: (rule) => void rules.push(checkRule(rule)),
    clearScripts: () => {
      rules = [];
    },
    setFaults: (change) => faults.set(change),
    clearFaults: () => faults.clear(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const apiError = (type: string, message: string): object => ({ type: 'error', error: { type, message } });

function errorType(status: number): string {
  const types: Record<number, string> = {
    400: 'invalid_request_error',
    401: 'authentication_error',
    402: 'billing_error',
    403: 'permission_error',
  };
  const more: Record<number, string> = {
    404: 'not_found_error',
    413: 'request_too_large',
    429: 'rate_limit_error',
    529: 'overloaded_error',
  };
  return types[status] ?? more[status] ?? 'api_error';
}

function mistakeIn(body: Partial<MessagesRequest> | undefined, needsMaxTokens: boolean): string | undefined {
  if (!body) return 'The request body is not valid JSON';
  if (typeof body.model !== 'string') return 'model: Field required';
  if (!Array.isArray(body.messages) || body.messages.length === 0) return 'messages: at least one message is required';
  if (needsMaxTokens && (typeof body.max_tokens !== 'number' || body.max_tokens < 1))
    return 'max_tokens: Input should be greater than or equal to 1';
  return undefined;
}

function keyOf(request: IncomingMessage): string | undefined {
  const key = request.headers['x-api-key'];
  if (typeof key === 'string' && key !== '') return key;
  return /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
}

function sendJson(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
