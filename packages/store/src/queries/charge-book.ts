import { type Billing, type Trust, trusts } from 'cyrus-core/budget';
import type { Calendar } from 'cyrus-core/calendar';
import type { MicroUsd } from 'cyrus-core/money';
import type { Tx } from '../pool.ts';
import { addToBudgets, type BudgetDelta } from './budget-add.ts';

/** One use of a model, told or written down. */
export interface NewCharge {
  /** The number of the event that told it; null: told by no event. */
  readonly seq: number | null;
  /** What it was written down as before; null: it was not. */
  readonly callId: string | null;
  /** Absent: now. */
  readonly at?: number;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** Micro-dollars by the price list; null: unpriced. */
  readonly price: MicroUsd | null;
  readonly prices: string | null;
  readonly trust: Trust;
  readonly worstCase?: boolean;
}

interface Account {
  readonly taskId: string;
  readonly issueId: string;
  readonly repositoryId: string;
  readonly executorId: string;
  readonly billing: Billing | null;
  readonly trust: Trust | null;
  /** The attempt has ended: what is told now comes late. */
  readonly ended: boolean;
}

/**
 * Books charges of an attempt, each once by its event or its call, in the budgets of their day. One source counts: charges of a
 * weaker word than the attempt's strongest are kept for the record, and do not count.
 */
export async function bookCharges(tx: Tx, calendar: Calendar, attemptId: string, charges: readonly NewCharge[]): Promise<void> {
  if (charges.length === 0) return;
  const account = await lockAccount(tx, attemptId);
  if (!account) return;
  const billing = account.billing ?? 'list';
  const strongest = [account.trust, ...charges.map((charge) => charge.trust)].reduce<Trust | null>(stronger, null);
  const outdone = account.trust !== null && strongest !== account.trust ? await supersede(tx, attemptId) : [];
  const now = await tx.now();
  const rows = charges.map((charge) => {
    const superseded = charge.trust !== strongest;
    const at = charge.at ?? now;
    const counts = billing === 'list' && !superseded;
    return {
      ...charge,
      at,
      superseded,
      cost: charge.price === null && counts ? null : counts ? charge.price : 0,
      day: calendar.day(at).key,
      // What is assumed at the end is in time.
      late: account.ended && !charge.worstCase && charge.trust !== 'estimated',
    };
  });
  const { rows: booked } = await tx.query<Booked>(
    `insert into cyrus.charge (attempt_id, seq, call_id, model, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
       cost, price, prices, billing, trust, superseded, worst_case, late, booked_day, at)
     select $1, seq, "callId", model, "inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens",
       cost, price, prices, $3, trust, superseded, coalesce("worstCase", false), late, day, to_timestamp(at / 1000)
     from jsonb_to_recordset($2::jsonb) as c(seq int, "callId" text, model text, "inputTokens" bigint, "outputTokens" bigint,
       "cacheReadTokens" bigint, "cacheWriteTokens" bigint, cost bigint, price bigint, prices text, trust text, superseded boolean,
       "worstCase" boolean, late boolean, day text, at float8)
     on conflict do nothing
     returning booked_day as day, case when superseded then 0 else coalesce(price, 0) end as amount`,
    [attemptId, JSON.stringify(rows), billing],
  );
  await settleBooked(tx, { attemptId, account: { ...account, billing }, trust: strongest, booked: [...outdone, ...booked] });
}

/** A charge that has begun to count, or with a negative amount: that counts no more. */
export interface Booked {
  readonly day: string | null;
  readonly amount: MicroUsd;
}

/** Carries what was booked to the attempt's reservation and, last of all, to the budgets. */
export async function settleBooked(
  tx: Tx,
  change: {
    readonly attemptId: string;
    readonly account: Account & { readonly billing: Billing };
    readonly trust: Trust | null;
    readonly booked: readonly Booked[];
  },
): Promise<void> {
  const { attemptId, account, booked } = change;
  const sum = booked.reduce((total, { amount }) => total + amount, 0);
  await tx.query('update cyrus.reservation set charged = charged + $2, trust = coalesce($3, trust) where attempt_id = $1', [
    attemptId,
    account.billing === 'included' ? 0 : sum,
    change.trust,
  ]);
  await addToBudgets(
    tx,
    booked.flatMap(({ day, amount }) => deltasOf(account, attemptId, day, amount)),
  );
}

function deltasOf(account: Account, attemptId: string, day: string | null, amount: MicroUsd): BudgetDelta[] {
  if (account.billing === 'included' || day === null || amount === 0) return [];
  const month = day.slice(0, 7);
  if (account.billing === 'credit') return [{ scope: 'credit', key: `${month}:${account.executorId}`, amount }];
  return [
    { scope: 'month', key: month, amount },
    { scope: 'day', key: day, amount },
    { scope: 'repository', key: `${month}:${account.repositoryId}`, amount },
    { scope: 'issue', key: account.issueId, amount },
    { scope: 'task', key: account.taskId, amount },
    { scope: 'attempt', key: attemptId, amount },
  ];
}

const stronger = (a: Trust | null, b: Trust | null): Trust | null =>
  (a === null ? -1 : trusts.indexOf(a)) >= (b === null ? -1 : trusts.indexOf(b)) ? a : b;

/** Whose money an attempt spends. Locks the attempt against its end, and its reservation, in this order. */
export async function lockAccount(tx: Tx, attemptId: string): Promise<Account | undefined> {
  await tx.query('select from cyrus.attempt where id = $1 for key share', [attemptId]);
  await tx.query('select from cyrus.reservation where attempt_id = $1 for update', [attemptId]);
  const { rows } = await tx.query<Account>(
    `select a.task_id as "taskId", p.issue_id as "issueId", p.repository_id as "repositoryId", a.executor_id as "executorId",
       r.billing, r.trust, a.ended_at is not null as ended
     from cyrus.attempt a join cyrus.plan p on p.id = a.plan_id left join cyrus.reservation r on r.attempt_id = a.id where a.id = $1`,
    [attemptId],
  );
  return rows[0];
}

/** A stronger word has come: what was charged so far counts no more. */
async function supersede(tx: Tx, attemptId: string): Promise<readonly Booked[]> {
  const { rows } = await tx.query<Booked>(
    `update cyrus.charge set superseded = true, cost = 0 where attempt_id = $1 and not superseded
     returning booked_day as day, -coalesce(price, 0) as amount`,
    [attemptId],
  );
  return rows;
}
