/** One request to the GraphQL endpoint. */
export interface Call {
  readonly operation: string;
  /** Root fields: `issueUpdate`, `agentActivityCreate`. */
  readonly fields: readonly string[];
  readonly user: string | null;
  readonly points: number;
  readonly status: number;
  /** Codes of the errors in the answer. */
  readonly errors: readonly string[];
  readonly issues: readonly string[];
  readonly sessions: readonly string[];
}

export interface Tally {
  total: number;
  errors: number;
  points: number;
  readonly byOperation: Record<string, number>;
  readonly byField: Record<string, number>;
}

const newTally = (): Tally => ({ total: 0, errors: 0, points: 0, byOperation: {}, byField: {} });

/** Counts every request, in total and per issue and session that its arguments name. */
export class Calls {
  readonly all: Tally = newTally();
  readonly byUser: Map<string, Tally> = new Map();
  /** By identifier, `ENG-1`. */
  readonly byIssue: Map<string, Tally> = new Map();
  readonly bySession: Map<string, Tally> = new Map();

  add(call: Call): void {
    const tallies = [
      this.all,
      tallyOf(this.byUser, call.user ?? 'nobody'),
      ...call.issues.map((issue) => tallyOf(this.byIssue, issue)),
      ...call.sessions.map((session) => tallyOf(this.bySession, session)),
    ];
    for (const tally of tallies) count(tally, call);
  }
}

function tallyOf(map: Map<string, Tally>, key: string): Tally {
  const tally = map.get(key) ?? newTally();
  map.set(key, tally);
  return tally;
}

function count(tally: Tally, call: Call): void {
  tally.total++;
  tally.points += call.points;
  if (call.status !== 200 || call.errors.length) tally.errors++;
  tally.byOperation[call.operation] = (tally.byOperation[call.operation] ?? 0) + 1;
  for (const field of call.fields) tally.byField[field] = (tally.byField[field] ?? 0) + 1;
}
