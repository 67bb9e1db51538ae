/** One-line switches for what a model API does wrong. `next`: how many of the coming model calls it strikes. */
export interface Faults {
  /** Milliseconds between all chunks of streamed texts. */
  readonly slowMs?: number;
  readonly rateLimited?: { readonly next: number; readonly retryAfterS?: number };
  readonly overloaded?: { readonly next: number };
  /** Ends the connection in the middle of the stream. */
  readonly cutOff?: { readonly next: number };
  /** Calls of these models answer with this status, such as 404 for one that does not exist and 529 for one that is overloaded. */
  readonly models?: Readonly<Record<string, number>>;
  readonly badRequest?: { readonly next: number; readonly message?: string };
  /** Every key is refused. */
  readonly invalidKey?: boolean;
  /** Every connection is dropped without an answer. */
  readonly outage?: boolean;
}

const counted = ['rateLimited', 'overloaded', 'cutOff', 'badRequest'] as const;
const names: readonly string[] = [...counted, 'slowMs', 'models', 'invalidKey', 'outage'];
const ofModel: Readonly<Record<number, readonly [type: string, message: string]>> = {
  404: ['not_found_error', 'model: '],
  529: ['overloaded_error', 'Overloaded: '],
};

/** What happens to one call. */
export type Strike =
  | { readonly kind: 'none' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'answer'; readonly status: number; readonly type: string; readonly message: string; readonly retryAfterS?: number };

export interface FaultSwitches {
  /** Changes the named switches, leaves the others. @throws TypeError on an unknown name */
  set(faults: Faults): void;
  clear(): void;
  current(): Faults;
  /** Decides over one call and counts it off. */
  strike(model: string): Strike;
}

export function faultSwitches(): FaultSwitches {
  let faults: Faults = {};
  const takes = (name: (typeof counted)[number]): boolean => {
    const fault = faults[name];
    if (!fault || fault.next <= 0) return false;
    faults = { ...faults, [name]: { ...fault, next: fault.next - 1 } };
    return true;
  };
  return {
    set(change) {
      const unknown = Object.keys(change).find((name) => !names.includes(name));
      if (unknown !== undefined) throw new TypeError(`unknown fault "${unknown}"; known: ${names.join(', ')}`);
      faults = { ...faults, ...change };
    },
    clear() {
      faults = {};
    },
    current: () => faults,
    strike(model) {
      if (faults.outage) return { kind: 'drop' };
      if (faults.invalidKey) return { kind: 'answer', status: 401, type: 'authentication_error', message: 'invalid x-api-key' };
      const status = Object.hasOwn(faults.models ?? {}, model) ? faults.models?.[model] : undefined;
      if (status !== undefined) {
        const [type, message] = ofModel[status] ?? ['api_error', 'fault of '];
        return { kind: 'answer', status, type, message: `${message}${model}` };
      }
      const { rateLimited, badRequest } = faults;
      if (takes('badRequest')) {
        return { kind: 'answer', status: 400, type: 'invalid_request_error', message: badRequest?.message ?? 'bad request (fault)' };
      }
      if (takes('rateLimited')) {
        const message = 'This request would exceed your rate limit. Please try again later.';
        return { kind: 'answer', status: 429, type: 'rate_limit_error', message, retryAfterS: rateLimited?.retryAfterS ?? 1 };
      }
      if (takes('overloaded')) return { kind: 'answer', status: 529, type: 'overloaded_error', message: 'Overloaded' };
      if (takes('cutOff')) return { kind: 'cut' };
      return { kind: 'none' };
    },
  };
}
