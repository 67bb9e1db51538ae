import { operations } from './operations.ts';

/** What can be made to go wrong, set through `POST /control/faults`. Absent fields stay as they are. Times are of the service's clock. */
export interface FaultRequest {
  /** The next `count` calls are answered with `status` (default 502) and have no effect. `operation` narrows it, as `runs.create`. */
  readonly failNext?: { readonly count: number; readonly status?: number; readonly operation?: string };
  /** Every call is answered with 503 or 429, or has its connection cut, for this long from now. `operation` narrows it. */
  readonly outage?: { readonly ms: number; readonly kind?: OutageKind; readonly operation?: string };
  /** The next calls of an operation take effect and then have their connection cut before the answer. */
  readonly loseAnswer?: Readonly<Record<string, number>>;
  /** The next `count` creates are never answered, and their runs exist only after `ms`. */
  readonly lateCreate?: { readonly count: number; readonly ms: number };
  /** The next `count` creates are refused: 402 for a plan that is used up, 429 for too many. */
  readonly refuseCreate?: { readonly count: number; readonly status: 402 | 403 | 404 | 429; readonly retryAfterSeconds?: number };
  /** For this long after a create its run is in no list, and 404. */
  readonly hideNewMs?: number;
  /** Runs never end. */
  readonly stuck?: boolean;
  /** Told of every run in place of its status: a word nobody knows, or null. */
  readonly status?: { readonly word: string | null };
  /** A pull request is told of only so long after it was opened; null: never. */
  readonly pullRequestMs?: number | null;
  /** `twice`: every entry is in the log twice. `overlap`: every page but the first begins with the last entry of the page before. */
  readonly duplicateLogs?: 'twice' | 'overlap';
  /** The hosted service is gone: what answers in its place. */
  readonly discontinued?: 404 | 410 | 'page';
  /** Every answer waits this long. */
  readonly latencyMs?: number;
  /** Everything back to normal, before the rest of the request is applied. */
  readonly clear?: boolean;
}

type OutageKind = 'unavailable' | 'disconnect' | 'rate_limited';

export type Met =
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterSeconds?: number }
  | { readonly kind: 'page' };

export interface Faults {
  /** @throws Error for a switch or operation there is not */
  set(request: FaultRequest): void;
  /** What a call meets in place of its handling. */
  take(operation: string): Met | undefined;
  takeLostAnswer(operation: string): boolean;
  takeLateCreate(): number | undefined;
  takeRefusal(): NonNullable<FaultRequest['refuseCreate']> | undefined;
  readonly now: Readonly<Pick<State, 'hideNewMs' | 'stuck' | 'status' | 'pullRequestMs' | 'duplicateLogs' | 'latencyMs'>>;
  snapshot(): unknown;
}

interface State {
  fail: { count: number; status: number; operation?: string } | undefined;
  outage: { until: number; kind: OutageKind; operation?: string } | undefined;
  loseAnswer: Record<string, number>;
  lateCreate: { count: number; ms: number };
  refuse: { count: number; status: 402 | 403 | 404 | 429; retryAfterSeconds?: number } | undefined;
  hideNewMs: number;
  stuck: boolean;
  status: { word: string | null } | undefined;
  pullRequestMs: number | null;
  duplicateLogs: 'twice' | 'overlap' | undefined;
  discontinued: 404 | 410 | 'page' | undefined;
  latencyMs: number;
}

const calm = (): State => ({
  fail: undefined,
  outage: undefined,
  loseAnswer: {},
  lateCreate: { count: 0, ms: 0 },
  refuse: undefined,
  hideNewMs: 0,
  stuck: false,
  status: undefined,
  pullRequestMs: 0,
  duplicateLogs: undefined,
  discontinued: undefined,
  latencyMs: 0,
});

const switches: readonly string[] = [
  ...(['failNext', 'outage', 'loseAnswer', 'lateCreate', 'refuseCreate', 'hideNewMs', 'stuck', 'status'] as const),
  ...(['pullRequestMs', 'duplicateLogs', 'discontinued', 'latencyMs', 'clear'] as const),
] satisfies (keyof FaultRequest)[];
const names: readonly string[] = operations.map(({ name }) => name);

/** A misspelt switch would make a test pass for nothing. @throws Error */
function check(request: FaultRequest): void {
  for (const key of Object.keys(request))
    if (!switches.includes(key)) throw new Error(`no fault switch ${key}; there are ${switches.join(', ')}`);
  const used = [request.failNext?.operation, request.outage?.operation, ...Object.keys(request.loseAnswer ?? {})];
  for (const name of used)
    if (name !== undefined && !names.includes(name)) throw new Error(`no operation ${name}; there are ${names.join(', ')}`);
}

/** @param now the service's clock in milliseconds */
export function createFaults(now: () => number): Faults {
  let state = calm();
  const counted = (held: { count: number } | undefined): boolean => {
    if (!held || held.count <= 0) return false;
    held.count -= 1;
    return true;
  };
  return {
    set(request) {
      check(request);
      if (request.clear) state = calm();
      if (request.failNext) state.fail = { status: 502, ...request.failNext };
      if (request.outage) {
        const { ms, kind = 'unavailable', operation } = request.outage;
        state.outage = { until: now() + ms, kind, ...(operation === undefined ? {} : { operation }) };
      }
      Object.assign(state.loseAnswer, request.loseAnswer);
      if (request.lateCreate) state.lateCreate = { ...request.lateCreate };
      if (request.refuseCreate) state.refuse = { ...request.refuseCreate };
      if (request.hideNewMs !== undefined) state.hideNewMs = request.hideNewMs;
      if (request.stuck !== undefined) state.stuck = request.stuck;
      if (request.status !== undefined) state.status = request.status;
      if (request.pullRequestMs !== undefined) state.pullRequestMs = request.pullRequestMs;
      if (request.duplicateLogs !== undefined) state.duplicateLogs = request.duplicateLogs;
      if (request.discontinued !== undefined) state.discontinued = request.discontinued;
      if (request.latencyMs !== undefined) state.latencyMs = request.latencyMs;
    },
    take(operation) {
      const { outage, fail, discontinued } = state;
      if (discontinued !== undefined) return discontinued === 'page' ? { kind: 'page' } : { kind: 'status', status: discontinued };
      if (outage && now() < outage.until && (outage.operation ?? operation) === operation) {
        if (outage.kind === 'disconnect') return { kind: 'disconnect' };
        if (outage.kind === 'unavailable') return { kind: 'status', status: 503 };
        return { kind: 'status', status: 429, retryAfterSeconds: Math.ceil((outage.until - now()) / 1000) };
      }
      if (fail && (fail.operation ?? operation) === operation && counted(fail)) return { kind: 'status', status: fail.status };
      return undefined;
    },
    takeLostAnswer(operation) {
      const left = state.loseAnswer[operation] ?? 0;
      if (left > 0) state.loseAnswer[operation] = left - 1;
      return left > 0;
    },
    takeLateCreate: () => (counted(state.lateCreate) ? state.lateCreate.ms : undefined),
    takeRefusal: () => (counted(state.refuse) ? state.refuse : undefined),
    get now() {
      return state;
    },
    snapshot: () => structuredClone(state),
  };
}
