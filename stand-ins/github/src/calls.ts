/** One call that reached the service. */
export interface CallRecord {
  readonly at: string;
  /** As `pulls.create`, `git.push`; `not_modelled` for anything unknown. */
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  /** 0: the connection was cut instead of an answer. */
  readonly status: number;
  readonly by: string | undefined;
  /** True when the effect happened and only the answer was lost. */
  readonly lost: boolean;
}

export interface Calls {
  record(call: CallRecord): void;
  readonly recent: readonly CallRecord[];
  /** Every call ever, by operation. */
  counts(): Readonly<Record<string, number>>;
  /** `GET /path` of each request that has no model. */
  readonly notModelled: readonly string[];
}

const kept = 10_000;

/** The log of calls: the newest in full, all of them counted. */
export function createCalls(): Calls {
  const recent: CallRecord[] = [];
  const counts = new Map<string, number>();
  const notModelled: string[] = [];
  return {
    recent,
    notModelled,
    counts: () => Object.fromEntries(counts),
    record(call) {
      recent.push(call);
      if (recent.length > kept) recent.shift();
      counts.set(call.operation, (counts.get(call.operation) ?? 0) + 1);
      if (call.operation === 'not_modelled' && notModelled.length < kept) notModelled.push(`${call.method} ${call.path}`);
    },
  };
}
