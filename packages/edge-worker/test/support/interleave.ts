import type { Database, Tx } from 'cyrus-store/pool';

/** Which of the two goes on, statement by statement and commit by commit: `aabab…` */
export type Schedule = string;

export interface Interleaving<C> {
  /** With a connection for each of the two and one to watch them. */
  readonly db: Database;
  /** Rows of their own for each schedule. */
  readonly prepare: (n: number) => Promise<C>;
  readonly a: (tx: Tx, context: C) => Promise<unknown>;
  readonly b: (tx: Tx, context: C) => Promise<unknown>;
  /** Called when both have committed. Throws when something is wrong. */
  readonly check: (context: C, schedule: Schedule) => Promise<void>;
}

/**
 * Runs two transactions against each other on two real connections in every order of their statements and commits: before
 * each one a barrier, at each barrier a choice, every choice made both ways. A transaction that waits for a lock of the
 * other is no choice until the other has let it go. Resolves with the schedules there were.
 * @throws Error naming the schedule when one of the two fails, the two lock each other out, or `check` throws
 */
export async function interleave<C>(options: Interleaving<C>): Promise<readonly Schedule[]> {
  const schedules: Schedule[] = [];
  for (let prefix: string | undefined = ''; prefix !== undefined; ) {
    const context = await options.prepare(schedules.length);
    const { schedule, open }: Step = await runOnce(options, context, prefix);
    try {
      await options.check(context, schedule);
    } catch (error) {
      throw new Error(`schedule ${schedule}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    schedules.push(schedule);
    // The last choice of `a` where `b` was possible too: from there on the other way.
    const last: number = open.lastIndexOf(true);
    prefix = last < 0 ? undefined : `${schedule.slice(0, last)}b`;
  }
  return schedules;
}

interface Step {
  readonly schedule: Schedule;
  /** Per step: whether `a` was chosen and `b` could have been. */
  readonly open: readonly boolean[];
}

async function runOnce<C>({ db, a, b }: Interleaving<C>, context: C, prefix: string): Promise<Step> {
  const parties = { a: startParty(db, (tx) => a(tx, context)), b: startParty(db, (tx) => b(tx, context)) };
  const both = [parties.a, parties.b];
  let schedule = '';
  const open: boolean[] = [];
  try {
    for (;;) {
      await settle(db, both);
      const ready = (['a', 'b'] as const).filter((name) => parties[name].state() === 'ready');
      const [first] = ready;
      if (!first) break;
      const wanted = prefix[schedule.length];
      const chosen = wanted === 'b' && ready.includes('b') ? 'b' : first;
      open.push(chosen === 'a' && ready.length === 2);
      schedule += chosen;
      parties[chosen].release();
    }
    await Promise.all(both.map((party) => party.ended));
  } catch (error) {
    throw new Error(`schedule ${schedule}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    for (const party of both) party.abandon();
    await Promise.allSettled(both.map((party) => party.ended));
  }
  return { schedule, open };
}

interface Party {
  readonly ended: Promise<unknown>;
  state(): 'running' | 'ready' | 'ended';
  pid(): number | undefined;
  release(): void;
  /** From now on no barrier holds it. */
  abandon(): void;
  /** How often the transaction was begun: more than once after a deadlock. */
  starts(): number;
}

function startParty(db: Database, work: (tx: Tx) => Promise<unknown>): Party {
  let state: 'running' | 'ready' | 'ended' = 'running';
  let open: (() => void) | undefined;
  let free = false;
  let pid: number | undefined;
  let starts = 0;
  const barrier = (): Promise<void> => {
    if (free) return Promise.resolve();
    state = 'ready';
    return new Promise((resolve) => {
      open = resolve;
    });
  };
  const ended = db
    .tx(async (tx) => {
      starts++;
      pid = (await tx.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;
      // Statements sent together run one after another on their connection: each has its barrier.
      let last: Promise<unknown> = Promise.resolve();
      const query: Tx['query'] = (sql, parameters) => {
        const next = last.then(async () => {
          await barrier();
          return tx.query<never>(sql, parameters);
        });
        last = next.catch(() => undefined);
        return next;
      };
      let failed: unknown;
      const send: Tx['send'] = (sql, parameters) =>
        void query(sql, parameters).catch((error: unknown) => {
          failed ??= error;
        });
      await work({ ...tx, query, send });
      await last;
      if (failed !== undefined) throw failed;
      await barrier(); // before the commit
    })
    .finally(() => {
      state = 'ended';
    });
  ended.catch(() => undefined); // whoever waits for it hears of it
  const release = (): void => {
    state = 'running';
    open?.();
    open = undefined;
  };
  return {
    ended,
    release,
    state: () => state,
    pid: () => pid,
    starts: () => starts,
    abandon() {
      free = true;
      if (state === 'ready') release();
    },
  };
}

/** Resolves when each of the parties is at a barrier, has ended, or waits for the other. @throws Error when they lock each other out */
async function settle(db: Database, parties: readonly Party[]): Promise<void> {
  for (;;) {
    if (parties.some((party) => party.starts() > 1)) throw new Error('the two transactions lock each other out');
    const running = parties.filter((party) => party.state() === 'running');
    if (running.length === 0) return;
    const pids = running.flatMap((party) => party.pid() ?? []);
    const { rows } = await db.query<{ waiting: number }>(
      'select count(*) as waiting from unnest($1::int[]) pid where cardinality(pg_blocking_pids(pid)) > 0',
      [pids],
    );
    // What ran while we asked may have freed what waits: only a state that did not change in between counts.
    const still = parties.filter((party) => party.state() === 'running');
    const unchanged = still.length === running.length && still.every((party, n) => party === running[n]);
    if (unchanged && running.length < parties.length && rows[0]?.waiting === running.length) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
