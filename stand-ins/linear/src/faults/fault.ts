/**
 * What can be made to go wrong. `times` counts how often a fault strikes before it is used up; without it, until removed.
 * `ms` is real time; `afterMs` and `holdMs` are Linear's time, divided by the time scale.
 */
export type Fault =
  /** A webhook is delivered again, with the same bytes, after each of the delays. */
  | {
      readonly kind: 'duplicate';
      readonly afterMs: number | readonly number[];
      readonly deliveryId?: 'same' | 'new';
      readonly action?: string;
      readonly times?: number;
    }
  /** `created` is held back until a `prompted` of its session was answered, or for `holdMs` (60 s). */
  | { readonly kind: 'reorder'; readonly holdMs?: number; readonly times?: number }
  /** Nothing gets through, `in` (API), `out` (webhooks) or `both`. `refuse` closes the port, `reset` cuts each connection. */
  | { readonly kind: 'outage'; readonly ms: number; readonly direction?: 'in' | 'out' | 'both'; readonly how?: 'refuse' | 'reset' | '503' }
  /** The next requests are over the limit (`status` 400, as Linear answers, or 429); with `endpoint`, only those of that root field. */
  | {
      readonly kind: 'rate-limit';
      readonly requests: number;
      readonly retryAfterSeconds?: number;
      readonly status?: 400 | 429;
      readonly endpoint?: string;
      /** So many requests get through first. */
      readonly after?: number;
    }
  /** HTTP 200 with an error and no effect, for a mutation by name. */
  | {
      readonly kind: 'error';
      readonly mutation: string;
      readonly times?: number;
      readonly code?: 'INPUT_ERROR' | 'FORBIDDEN' | 'INTERNAL_SERVER_ERROR';
      readonly message?: string;
    }
  /** An HTTP error of the gateway, without a GraphQL body. */
  | { readonly kind: 'http-error'; readonly status: number; readonly times?: number }
  /** HTTP 401 although the token is good. */
  | { readonly kind: 'unauthorized'; readonly times?: number }
  /** The app's token of a request has expired, after so many requests: 401 for it from then on. */
  | { readonly kind: 'expired-token'; readonly after?: number; readonly times?: number }
  /** The token address refuses with an OAuth error (`status` 400, 401 for `invalid_client`). */
  | {
      readonly kind: 'token-error';
      readonly error: 'invalid_grant' | 'invalid_client' | 'server_error';
      readonly status?: number;
      readonly times?: number;
    }
  /** A session is gone when the agent writes its next activity, after so many of them. */
  | { readonly kind: 'deleted-session'; readonly after?: number; readonly times?: number }
  /** A file cannot be stored (`put`, the default) or read (`get`); `status` 503. */
  | { readonly kind: 'upload-error'; readonly on?: 'put' | 'get'; readonly status?: number; readonly times?: number }
  /** Answers come late. `field` limits it to requests with that root field; `oauthToken` is the token address. */
  | { readonly kind: 'latency'; readonly ms: number; readonly field?: string; readonly times?: number }
  /** The connection is cut, `after` (default) or `before` the request took effect: the answer is lost either way. `field` as above. */
  | { readonly kind: 'cut'; readonly field?: string; readonly when?: 'before' | 'after'; readonly times?: number }
  /** Webhooks carry a timestamp this many milliseconds in the past. */
  | { readonly kind: 'skew'; readonly ms: number; readonly action?: string; readonly times?: number };

export type FaultKind = Fault['kind'];
export type FaultOf<K extends FaultKind> = Extract<Fault, { readonly kind: K }>;

type Check = (value: unknown) => boolean;

const amount: Check = (value) => typeof value === 'number' && value >= 0;
const count: Check = (value) => Number.isInteger(value) && Number(value) > 0;
const httpError: Check = (value) => Number.isInteger(value) && Number(value) >= 400;
const word: Check = (value) => typeof value === 'string' && value !== '';
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string);
const amounts: Check = (value) => amount(value) || (Array.isArray(value) && value.length > 0 && value.every(amount));

/** Per kind its fields; a `!` after the name marks what must be given. */
const fields: Readonly<Record<FaultKind, Readonly<Record<string, Check>>>> = {
  duplicate: { 'afterMs!': amounts, deliveryId: oneOf('same', 'new'), action: word, times: count },
  reorder: { holdMs: amount, times: count },
  outage: { 'ms!': amount, direction: oneOf('in', 'out', 'both'), how: oneOf('refuse', 'reset', '503') },
  'rate-limit': {
    'requests!': count,
    retryAfterSeconds: amount,
    status: (value) => value === 400 || value === 429,
    endpoint: word,
    after: count,
  },
  error: { 'mutation!': word, times: count, code: oneOf('INPUT_ERROR', 'FORBIDDEN', 'INTERNAL_SERVER_ERROR'), message: word },
  'http-error': { 'status!': httpError, times: count },
  unauthorized: { times: count },
  'expired-token': { after: count, times: count },
  'token-error': { 'error!': oneOf('invalid_grant', 'invalid_client', 'server_error'), status: httpError, times: count },
  'deleted-session': { after: count, times: count },
  'upload-error': { on: oneOf('put', 'get'), status: httpError, times: count },
  latency: { 'ms!': amount, field: word, times: count },
  cut: { field: word, when: oneOf('before', 'after'), times: count },
  skew: { 'ms!': (value) => typeof value === 'number', action: word, times: count },
};

/** Checks a fault that came as JSON. @throws TypeError naming the field that is wrong */
export function parseFault(input: unknown): Fault {
  const fault = (typeof input === 'object' && input !== null ? input : {}) as Readonly<Record<string, unknown>>;
  const kind = String(fault['kind']);
  if (!Object.hasOwn(fields, kind)) throw new TypeError(`kind must be one of ${Object.keys(fields).join(', ')}, not ${kind}`);
  const known = fields[kind as FaultKind];
  for (const [name, check] of Object.entries(known)) {
    const field = name.replace('!', '');
    const value = fault[field];
    if (value === undefined ? name.endsWith('!') : !check(value))
      throw new TypeError(`${kind}.${field} is ${JSON.stringify(value) ?? 'missing'}`);
  }
  for (const field of Object.keys(fault))
    if (field !== 'kind' && !(field in known) && !(`${field}!` in known)) throw new TypeError(`${kind} has no field ${field}`);
  return input as Fault;
}
