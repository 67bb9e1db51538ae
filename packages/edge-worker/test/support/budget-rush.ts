import { setTimeout as sleep } from 'node:timers/promises';
import type { BudgetPlace, BudgetRules } from 'cyrus-core/budget';
import { systemClock } from 'cyrus-core/clock';
import type { CallUsage } from 'cyrus-core/ports/ledger';
import { createLedger } from 'cyrus-store/ledger';
import { type Database, openDatabase } from 'cyrus-store/pool';
import { insertAttempt } from 'cyrus-store/queries/attempt-insert';
import { lockBudgets } from 'cyrus-store/queries/budget-load';
import { releaseReservation } from 'cyrus-store/queries/reservation-release';
import { forgottenReservations } from 'cyrus-store/queries/reservations-forgotten';
import { decideReservation } from 'cyrus-task-orchestrator/budget';

export interface RushOptions {
  /** Made by `patientDatabase`. */
  readonly db: Database;
  readonly rules: BudgetRules;
  readonly starts: number;
  /** The day all of it happens on, and its limit in micro-dollars. */
  readonly day: string;
  readonly limit: number;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
}

export interface Rush {
  readonly started: number;
  readonly refused: number;
  readonly killed: number;
  readonly calls: number;
  /** What was charged, and what the provider has billed, at the end. Micro-dollars. */
  readonly charged: number;
  readonly billed: number;
  /** The most that was charged and held together above the limit, in any look at the book. */
  readonly overshoot: number;
  readonly looks: number;
}

/**
 * So many attempts want to begin at once on one day's budget. Each is decided on, reserves, and makes calls whose costs nobody
 * knows before; some are killed between the answer and its settlement. Looks at the book go on all the time.
 */
export async function rush(options: RushOptions): Promise<Rush> {
  const { db, rules, limit, random } = options;
  const ledger = createLedger(db, rules);
  const ids = Array.from({ length: options.starts }, (_, index) => String(index));
  await insertTasks(db, ids);
  const seen = { started: 0, refused: 0, killed: 0, calls: 0, billed: 0, overshoot: 0, looks: 0 };
  const waiting: (() => void)[] = [];
  let under = 0;

  async function look(): Promise<void> {
    const { rows } = await db.query<{ spent: number; held: number }>(
      `select coalesce((select spent from cyrus.budget where scope = 'day' and key = $1), 0) as spent,
         coalesce((select sum(greatest(cost - charged, intended)) from cyrus.reservation where released_at is null), 0) as held`,
      [options.day],
    );
    seen.looks += 1;
    seen.overshoot = Math.max(seen.overshoot, (rows[0]?.spent ?? 0) + (rows[0]?.held ?? 0) - limit, seen.billed - limit);
  }

  const begin = (id: string): Promise<'started' | 'held' | 'used up'> =>
    db.tx(async (tx) => {
      const place: BudgetPlace = { taskId: `t${id}`, issueId: `i${id}`, repositoryId: 'app', executorId: 'agent', billing: 'list' };
      const book = await lockBudgets(tx, rules, [place]);
      const reserved = decideReservation({ p90: 400_000, perRun: null, metered: true }, book.states(place));
      if (!reserved.granted) return reserved.heldByOthers ? 'held' : 'used up';
      await insertAttempt(tx, {
        ...place,
        ...{ id: `a${id}`, planId: `p${id}`, number: 1, conversationId: `c${id}`, reason: 'r', strategy: 's' },
        ...{ estimate: null, analysis: null, alternatives: [], slots: 1, memoryMb: 1, cost: reserved.amount, costPerRun: null },
      });
      return 'started';
    });

  async function work(id: string): Promise<void> {
    const killed = random() < 0.1;
    for (let call = 0; call < 2; call++) {
      const callId = `a${id}:${call}`;
      const worstCase = Math.round(50_000 + random() * 400_000);
      const answer = await ledger.intend({ callId, attemptId: `a${id}`, model: 'm', worstCase });
      if (!answer.granted) break;
      seen.calls += 1;
      const cost = Math.round(worstCase * (0.1 + 0.9 * random()));
      seen.billed += cost;
      if (killed) {
        seen.killed += 1;
        break;
      }
      await ledger.settle(callId, usageOf(cost));
    }
    await db.query('update cyrus.attempt set state = $2, started_at = clock_timestamp() where id = $1', [
      `a${id}`,
      killed ? 'lost' : 'succeeded',
    ]);
    if (!killed || random() < 0.5) await db.tx((tx) => releaseReservation(tx, rules.calendar, `a${id}`));
  }

  async function one(id: string): Promise<void> {
    for (;;) {
      const outcome = await begin(id);
      if (outcome === 'used up' || (outcome === 'held' && under === 0)) {
        seen.refused += 1;
        break;
      }
      if (outcome === 'started') {
        seen.started += 1;
        under += 1;
        await work(id);
        under -= 1;
        break;
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    // What this one gave back may be enough for the next; nobody is left waiting once nobody works.
    for (const next of waiting.splice(0, under === 0 ? waiting.length : 2)) next();
  }

  let over = false;
  const looking = (async () => {
    while (!over) {
      await look();
      await sleep(10);
    }
  })();
  try {
    await Promise.all(ids.map(one));
  } finally {
    over = true;
    await looking;
  }
  for (const attempt of await forgottenReservations(db)) await db.tx((tx) => releaseReservation(tx, rules.calendar, attempt));
  await look();
  const { rows } = await db.query<{ charged: number }>('select coalesce(sum(cost), 0) as charged from cyrus.charge where booked_day = $1', [
    options.day,
  ]);
  return { ...seen, charged: rows[0]?.charged ?? 0 };
}

const usageOf = (cost: number): CallUsage => ({
  model: 'm',
  inputTokens: 1,
  outputTokens: 1,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cost,
  prices: 'none',
});

async function insertTasks(db: Database, ids: readonly string[]): Promise<void> {
  const all = JSON.stringify(ids.map((id) => ({ id })));
  const rows = 'jsonb_to_recordset($1::jsonb) as r(id text)';
  await db.query(`insert into cyrus.issue (id, workspace, identifier, title) select 'i' || id, 'w', id, 'x' from ${rows}`, [all]);
  await db.query(
    `insert into cyrus.plan (id, issue_id, number, procedure, repository_id, branch, state) select 'p' || id, 'i' || id, 1, 'builder', 'app', 'x', 'running' from ${rows}`,
    [all],
  );
  await db.query(
    `insert into cyrus.task (id, plan_id, key, procedure, prompt, state) select 't' || id, 'p' || id, 'main', 'builder', 'x', 'ready' from ${rows}`,
    [all],
  );
}

/** A way to a database in which 500 at once may wait for their turn. */
export function patientDatabase(connection: Database['connection'], at: number): Database {
  return openDatabase({
    ...{ connection, clock: systemClock, applicationName: 'budget rush', time: { now: () => at } },
    ...{ maxConnections: 12, connectTimeoutMs: 300_000, statementTimeoutMs: 120_000 },
  });
}

/** The same numbers each time. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
