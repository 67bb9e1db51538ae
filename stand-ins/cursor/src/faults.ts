/** The calls that a fault can be limited to. */
export const operations = [
  'me',
  'models',
  'repositories',
  'agents.create',
  'agents.list',
  'agents.get',
  'agents.delete',
  'agents.archive',
  'agents.unarchive',
  'agents.usage',
  'artifacts.list',
  'artifacts.download',
  'runs.create',
  'runs.list',
  'runs.get',
  'runs.stream',
  'runs.cancel',
] as const;
export type OperationName = (typeof operations)[number];

/** What can be made to go wrong, set through `POST /control/faults`. Absent fields stay as they are. */
export interface FaultRequest {
  /** How many of the next calls per operation happen and then have their connection cut before the answer. */
  readonly loseAnswer?: Partial<Readonly<Record<OperationName, number>>>;
  /** The next `count` calls are answered with `status` (default 503) and have no effect. */
  readonly failNext?: { readonly count: number; readonly status?: number; readonly operation?: OperationName };
  /** The next `count` calls are refused with 429. */
  readonly rateLimitNext?: { readonly count: number; readonly retryAfterSeconds?: number; readonly operation?: OperationName };
  /** Every call is refused with 429 for this long from now. */
  readonly rateLimitMs?: number;
  /** Everything answers 503 for this long from now, and open streams are cut. */
  readonly outageMs?: number;
  /** Agents created from now on are unknown to every call for so long. */
  readonly hideNewAgentsMs?: number;
  /** Every run says it has this status, and no end is told; null: the truth again. */
  readonly statusWord?: string | null;
  /** Streams tell every event twice. */
  readonly duplicateEvents?: boolean;
  /** Streams answer 410 `stream_expired` so long after the end of their run; null: never. */
  readonly streamRetentionMs?: number | null;
  /** For so long after its creation the stream of a run says `stream_unavailable`. */
  readonly streamWarmupMs?: number;
  /** Streams are cut after so many events, each time; null: never. */
  readonly cutStreamsAfter?: number | null;
  /** `absent`: the service says nothing of costs. A number: so many milliseconds after the end of a run. */
  readonly cost?: 'prompt' | 'absent' | number;
  /** `usage` answers 403 `feature_unavailable`. */
  readonly usageUnavailable?: boolean;
  readonly latencyMs?: number;
  /** Everything back to normal, before the rest of the request is applied. */
  readonly clear?: boolean;
}

export interface FaultState {
  loseAnswer: Map<OperationName, number>;
  failNext: { count: number; status: number; operation?: OperationName } | undefined;
  rateLimitNext: { count: number; retryAfterSeconds: number; operation?: OperationName } | undefined;
  rateLimitUntil: number;
  outageUntil: number;
  hideNewAgentsMs: number;
  statusWord: string | undefined;
  duplicateEvents: boolean;
  streamRetentionMs: number | undefined;
  streamWarmupMs: number;
  cutStreamsAfter: number | undefined;
  cost: 'prompt' | 'absent' | number;
  usageUnavailable: boolean;
  latencyMs: number;
}

export const calm = (): FaultState => ({
  loseAnswer: new Map(),
  failNext: undefined,
  rateLimitNext: undefined,
  rateLimitUntil: 0,
  outageUntil: 0,
  hideNewAgentsMs: 0,
  statusWord: undefined,
  duplicateEvents: false,
  streamRetentionMs: undefined,
  streamWarmupMs: 0,
  cutStreamsAfter: undefined,
  cost: 'prompt',
  usageUnavailable: false,
  latencyMs: 0,
});

const switches: readonly string[] = [
  ...Object.keys(calm()).filter((key) => key !== 'rateLimitUntil' && key !== 'outageUntil'),
  'rateLimitMs',
  'outageMs',
  'clear',
];

/** A misspelt switch would make a test pass for nothing. @throws Error */
function check(request: FaultRequest): void {
  for (const key of Object.keys(request))
    if (!switches.includes(key)) throw new Error(`no fault switch ${key}; there are ${switches.join(', ')}`);
  const named = [request.failNext?.operation, request.rateLimitNext?.operation, ...Object.keys(request.loseAnswer ?? {})];
  for (const name of named)
    if (name !== undefined && !(operations as readonly string[]).includes(name))
      throw new Error(`no operation ${name}; there are ${operations.join(', ')}`);
}

/** Changes `state` as asked. @throws Error for a switch or operation there is not */
export function setFaults(state: FaultState, request: FaultRequest, now: number): void {
  check(request);
  if (request.clear) Object.assign(state, calm());
  for (const [operation, count] of Object.entries(request.loseAnswer ?? {})) state.loseAnswer.set(operation as OperationName, count);
  if (request.failNext) state.failNext = { status: 503, ...request.failNext };
  if (request.rateLimitNext) state.rateLimitNext = { retryAfterSeconds: 1, ...request.rateLimitNext };
  if (request.rateLimitMs !== undefined) state.rateLimitUntil = now + request.rateLimitMs;
  if (request.outageMs !== undefined) state.outageUntil = now + request.outageMs;
  if (request.hideNewAgentsMs !== undefined) state.hideNewAgentsMs = request.hideNewAgentsMs;
  if (request.statusWord !== undefined) state.statusWord = request.statusWord ?? undefined;
  if (request.duplicateEvents !== undefined) state.duplicateEvents = request.duplicateEvents;
  if (request.streamRetentionMs !== undefined) state.streamRetentionMs = request.streamRetentionMs ?? undefined;
  if (request.streamWarmupMs !== undefined) state.streamWarmupMs = request.streamWarmupMs;
  if (request.cutStreamsAfter !== undefined) state.cutStreamsAfter = request.cutStreamsAfter ?? undefined;
  if (request.cost !== undefined) state.cost = request.cost;
  if (request.usageUnavailable !== undefined) state.usageUnavailable = request.usageUnavailable;
  if (request.latencyMs !== undefined) state.latencyMs = request.latencyMs;
}

/** What a call meets before it does anything: a status to answer with, and for 429 how long to wait. */
export function takeFault(
  state: FaultState,
  operation: OperationName,
  now: number,
): { readonly status: number; readonly retryAfterSeconds: number } | undefined {
  if (now < state.outageUntil) return { status: 503, retryAfterSeconds: 0 };
  if (now < state.rateLimitUntil) return { status: 429, retryAfterSeconds: Math.ceil((state.rateLimitUntil - now) / 1000) };
  const { failNext, rateLimitNext } = state;
  if (failNext && failNext.count > 0 && (failNext.operation ?? operation) === operation) {
    failNext.count -= 1;
    return { status: failNext.status, retryAfterSeconds: 0 };
  }
  if (rateLimitNext && rateLimitNext.count > 0 && (rateLimitNext.operation ?? operation) === operation) {
    rateLimitNext.count -= 1;
    return { status: 429, retryAfterSeconds: rateLimitNext.retryAfterSeconds };
  }
  return undefined;
}

/** True when the answer to this call, whose effect has happened, is to be lost. */
export function takeLostAnswer(state: FaultState, operation: OperationName): boolean {
  const left = state.loseAnswer.get(operation) ?? 0;
  if (left > 0) state.loseAnswer.set(operation, left - 1);
  return left > 0;
}
