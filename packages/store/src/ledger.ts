import { type BudgetRules, type BudgetState, budgetName, leftIn, tightest } from 'cyrus-core/budget';
import { formatUsd } from 'cyrus-core/money';
import type { CallIntent, CallUsage, Granted, Ledger } from 'cyrus-core/ports/ledger';
import type { Database, Tx } from './pool.ts';
import { lockBudgets } from './queries/budget-load.ts';
import {
  type AccountOfCalls,
  findIntent,
  insertIntent,
  intendWithin,
  lockCalls,
  markSettled,
  topUp,
  worstCaseOf,
} from './queries/call-intent.ts';
import { bookCharges, lockAccount, settleBooked } from './queries/charge-book.ts';

const granted: Granted = { granted: true };
const ended: Granted = { granted: false, left: 0, reason: 'This attempt has ended.' };

/** The book of money in Postgres. Calls are held against their attempt's reservation, which grows as long as every budget lets it. */
export function createLedger(db: Database, rules: BudgetRules): Ledger {
  return {
    intend: async (intent) => ((await intendWithin(db, intent)) ? granted : db.tx((tx) => intend(tx, rules, intent))),
    settle: (callId, usage) => db.tx((tx) => settle(tx, rules, callId, usage)),
  };
}

async function intend(tx: Tx, rules: BudgetRules, intent: CallIntent): Promise<Granted> {
  const calls = await lockCalls(tx, intent.attemptId);
  if (await findIntent(tx, intent.callId)) return granted;
  if (!calls || calls.released) return ended;
  const worst = intent.worstCase ?? 0;
  const needed = calls.charged + calls.intended + worst;
  if (calls.billing !== 'included' && (needed > calls.reserved || intent.worstCase === null)) {
    const refused = await grow(tx, rules, calls, intent, needed);
    if (refused) return refused;
  }
  await insertIntent(tx, intent);
  return granted;
}

/** More than the attempt holds is wanted: it gets it if every budget has it left, beside what all others hold. */
async function grow(tx: Tx, rules: BudgetRules, calls: AccountOfCalls, intent: CallIntent, needed: number): Promise<Granted | undefined> {
  const book = await lockBudgets(tx, rules, [calls]);
  const scarce = tightest(book.states(calls, calls));
  if (!scarce) {
    await topUp(tx, intent.attemptId, needed);
    return undefined;
  }
  const left = Math.max(0, (leftIn(scarce) ?? 0) - calls.intended);
  // Of a call without a price nobody can say that it fits; where nothing is left it certainly does not.
  const fits = intent.worstCase === null ? left > 0 : intent.worstCase <= left;
  if (!fits) return { granted: false, left, reason: usedUp(scarce, left) };
  await topUp(tx, intent.attemptId, needed);
  return undefined;
}

function usedUp(state: BudgetState, left: number): string {
  const name = budgetName(state.scope);
  const limit = formatUsd(state.limit ?? 0);
  return `${name[0]?.toUpperCase()}${name.slice(1)} of ${limit} is used up or reserved; ${formatUsd(left)} is left.`;
}

async function settle(tx: Tx, rules: BudgetRules, callId: string, usage: CallUsage | null): Promise<void> {
  const intent = await findIntent(tx, callId);
  if (!intent) return;
  const account = await lockAccount(tx, intent.attemptId);
  if (!account) return;
  if (await markSettled(tx, callId)) {
    if (usage) await bookCharges(tx, rules.calendar, intent.attemptId, [{ ...chargeOf(usage), callId }]);
    return;
  }
  // Its attempt has ended meanwhile, and the call was charged with its worst case: what it really used replaces that.
  const replaced = await worstCaseOf(tx, callId, usage);
  if (replaced)
    await settleBooked(tx, {
      attemptId: intent.attemptId,
      account: { ...account, billing: account.billing ?? 'list' },
      trust: null,
      booked: [replaced],
    });
}

function chargeOf(usage: CallUsage): Omit<Parameters<typeof bookCharges>[3][number], 'callId'> {
  const { cost, prices, ...counted } = usage;
  return { ...counted, seq: null, price: cost, prices, trust: 'gateway' };
}
