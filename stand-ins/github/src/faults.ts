import { operations } from './operations.ts';

/** What can be made to go wrong, set through `POST /control/faults`. Absent fields stay as they are. */
export interface FaultRequest {
  /** Everything is away for this long from now. */
  readonly outageMs?: number;
  /** How it is away: an answer 503 (default), or a connection that is cut. */
  readonly outageKind?: 'unavailable' | 'disconnect';
  /** The next `count` calls are answered with `status` (default 502) and have no effect. `operation` narrows it, as `pulls.create` or `git.push`. */
  readonly failNext?: { readonly count: number; readonly status?: number; readonly operation?: string };
  /** The next `count` REST calls are refused for a rate limit. */
  readonly rateLimitNext?: {
    readonly count: number;
    /** Default `secondary`: 403 with `retry-after`. `primary`: 403 with `x-ratelimit-remaining: 0` and `x-ratelimit-reset`. */
    readonly kind?: 'primary' | 'secondary';
    readonly retryAfterSeconds?: number;
    readonly operation?: string;
  };
  /** Every call waits this long first. */
  readonly latencyMs?: number;
  /** How many of the next calls per operation happen and then have their connection cut before the answer. `git.push` counts pushes that moved a ref. */
  readonly loseAnswer?: Readonly<Record<string, number>>;
  /** Webhooks: the next `duplicate` deliveries are sent twice with one delivery id; each delivery waits `delayMs`. */
  readonly webhooks?: { readonly duplicate?: number; readonly delayMs?: number; readonly dropNext?: number };
  /** Everything back to normal, before the rest of the request is applied. */
  readonly clear?: boolean;
}

export type Fault =
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'rate_limit'; readonly limit: 'primary' | 'secondary'; readonly retryAfterSeconds: number };

export interface Faults {
  /** @throws Error for a switch or operation there is not */
  set(request: FaultRequest): void;
  /** The fault this call meets, if any; a counted one is used up. */
  take(operation: string, isGit: boolean): Fault | undefined;
  /** True when the answer to this call, whose effect has happened, is to be lost. */
  takeLostAnswer(operation: string): boolean;
  /** What is to be done to the next webhook. */
  takeWebhook(): { readonly copies: number; readonly delayMs: number };
  latencyMs(): number;
  snapshot(): unknown;
}

interface State {
  outageUntil: number;
  outageKind: 'unavailable' | 'disconnect';
  fail: { count: number; status: number; operation?: string } | undefined;
  limit: { count: number; kind: 'primary' | 'secondary'; retryAfterSeconds: number; operation?: string } | undefined;
  latencyMs: number;
  loseAnswer: Map<string, number>;
  webhooks: { duplicate: number; delayMs: number; dropNext: number };
}

const calm = (): State => ({
  outageUntil: 0,
  outageKind: 'unavailable',
  fail: undefined,
  limit: undefined,
  latencyMs: 0,
  loseAnswer: new Map(),
  webhooks: { duplicate: 0, delayMs: 0, dropNext: 0 },
});

const switches: readonly string[] = [
  'outageMs',
  'outageKind',
  'failNext',
  'rateLimitNext',
  'latencyMs',
  'loseAnswer',
  'webhooks',
  'clear',
] satisfies (keyof FaultRequest)[];
const names: readonly string[] = [
  ...operations.map((operation) => operation.name),
  'git.refs',
  'git.fetch',
  'git.push',
  'graphql',
  'not_modelled',
];

/** A misspelt switch would make a test pass for nothing. @throws Error */
function check(request: FaultRequest): void {
  for (const key of Object.keys(request))
    if (!switches.includes(key)) throw new Error(`no fault switch ${key}; there are ${switches.join(', ')}`);
  const used = [request.failNext?.operation, request.rateLimitNext?.operation, ...Object.keys(request.loseAnswer ?? {})];
  for (const name of used)
    if (name !== undefined && !names.includes(name)) throw new Error(`no operation ${name}; there are ${names.join(', ')}`);
}

/** The fault switches of one stand-in. */
export function createFaults(): Faults {
  let state = calm();
  return {
    set(request) {
      check(request);
      if (request.clear) state = calm();
      if (request.outageMs !== undefined) state.outageUntil = Date.now() + request.outageMs;
      if (request.outageKind !== undefined) state.outageKind = request.outageKind;
      if (request.failNext) state.fail = { status: 502, ...request.failNext };
      if (request.rateLimitNext) state.limit = { kind: 'secondary', retryAfterSeconds: 1, ...request.rateLimitNext };
      if (request.latencyMs !== undefined) state.latencyMs = request.latencyMs;
      for (const [operation, count] of Object.entries(request.loseAnswer ?? {})) state.loseAnswer.set(operation, count);
      if (request.webhooks) state.webhooks = { ...state.webhooks, ...request.webhooks };
    },
    take(operation, isGit) {
      if (Date.now() < state.outageUntil)
        return state.outageKind === 'disconnect' ? { kind: 'disconnect' } : { kind: 'status', status: 503 };
      const { fail, limit } = state;
      if (fail && fail.count > 0 && (fail.operation ?? operation) === operation) {
        fail.count -= 1;
        return { kind: 'status', status: fail.status };
      }
      if (!isGit && limit && limit.count > 0 && (limit.operation ?? operation) === operation) {
        limit.count -= 1;
        return { kind: 'rate_limit', limit: limit.kind, retryAfterSeconds: limit.retryAfterSeconds };
      }
      return undefined;
    },
    takeLostAnswer(operation) {
      const left = state.loseAnswer.get(operation) ?? 0;
      if (left > 0) state.loseAnswer.set(operation, left - 1);
      return left > 0;
    },
    takeWebhook() {
      const { webhooks } = state;
      if (webhooks.dropNext > 0) {
        webhooks.dropNext -= 1;
        return { copies: 0, delayMs: 0 };
      }
      if (webhooks.duplicate === 0) return { copies: 1, delayMs: webhooks.delayMs };
      webhooks.duplicate -= 1;
      return { copies: 2, delayMs: webhooks.delayMs };
    },
    latencyMs: () => state.latencyMs,
    snapshot: () => ({ ...state, loseAnswer: Object.fromEntries(state.loseAnswer) }),
  };
}
