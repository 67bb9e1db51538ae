import { type BudgetScope, type BudgetState, leftIn } from 'cyrus-core/budget';
import type { Instant } from 'cyrus-core/clock';
import type { MicroUsd } from 'cyrus-core/money';

/** What an attempt would need. */
export interface Wish {
  /** Nine of ten such attempts cost no more; null: nobody knows. */
  readonly p90: MicroUsd | null;
  /** Charged in one piece, however long it runs; null: charged as it goes. */
  readonly perRun: MicroUsd | null;
  /** Each of its calls is held to what is reserved, and more is reserved as it goes: it may begin with little. */
  readonly metered: boolean;
}

export type Reserved =
  | { readonly granted: true; readonly amount: MicroUsd }
  /** `heldByOthers`: it is enough once what others hold is given back. Else `until`: when the budget begins anew; null: never. `need`: what has to be left. */
  | {
      readonly granted: false;
      readonly by: BudgetState;
      readonly heldByOthers: boolean;
      readonly until: Instant | null;
      readonly need: MicroUsd;
    };

/** What bounds a single piece of work; the others are shared by many. */
const own: ReadonlySet<BudgetScope> = new Set(['attempt', 'task', 'issue']);

/** Where neither an estimate nor a limit says how much an attempt may need. */
const unknownNeed: MicroUsd = 1_000_000;
/** With less than this no attempt begins, unless it is known to need less: it would be cut off before it has done anything. */
export const worthBeginning: MicroUsd = 250_000;

/**
 * What an attempt reserves: what such attempts need, at most what its own limits leave. It begins only where every budget has that left.
 * Where nothing is known of the need it begins with what is left, if that is worth it. Pure.
 */
export function decideReservation(wish: Wish, budgets: readonly BudgetState[]): Reserved {
  const caps = budgets.filter((state) => own.has(state.scope));
  const cap = caps.reduce<MicroUsd | null>((least, state) => smaller(least, leftIn(state)), null);
  const known = wish.perRun ?? (wish.metered ? wish.p90 : null);
  // Nobody can give more to an agent at work whose calls are not seen: it gets what is plenty.
  const plenty = wish.p90 === null ? unknownNeed : Math.max(unknownNeed, 3 * wish.p90);
  // A run with a price of its own costs that, whatever its limits say.
  const want = wish.perRun ?? smaller(cap, known) ?? plenty;
  const enough = known === null ? Math.min(want, worthBeginning) : want;
  let amount = want;
  for (const state of budgets) {
    const left = leftIn(state);
    if (left === null) continue;
    if (left >= enough && left > 0) {
      amount = Math.min(amount, left);
      continue;
    }
    const heldByOthers = left + state.held >= enough && left + state.held > 0;
    // Of several that stop it, the one that does not pass by itself is told.
    const all = budgets.filter((one) => one !== state).map((one) => ({ one, rest: leftIn(one) }));
    const final = all.find(({ one, rest }) => rest !== null && (rest + one.held < enough || rest + one.held <= 0))?.one;
    if (heldByOthers && !final) return { granted: false, by: state, heldByOthers: true, until: null, need: known ?? worthBeginning };
    const by = heldByOthers && final ? final : state;
    return { granted: false, by, heldByOthers: false, until: latestEnd(budgets, enough), need: known ?? worthBeginning };
  }
  return { granted: true, amount };
}

/** When every budget that is used up has begun anew; null: one of them never does. */
function latestEnd(budgets: readonly BudgetState[], enough: MicroUsd): Instant | null {
  let latest = 0;
  for (const state of budgets) {
    const left = leftIn(state);
    if (left === null || (left + state.held >= enough && left + state.held > 0)) continue;
    // A limit of nothing, or one that a single run passes, is the same tomorrow.
    if (state.endsAt === null || (state.limit ?? 0) < enough || state.limit === 0) return null;
    latest = Math.max(latest, state.endsAt);
  }
  return latest === 0 ? null : latest;
}

const smaller = (a: MicroUsd | null, b: MicroUsd | null): MicroUsd | null => (a === null ? b : b === null ? a : Math.min(a, b));

/** What is proposed to be added to a budget, so that an attempt that needs `need` begins: rounded up to what people would say. */
export function proposedRaise({ limit, spent, held }: BudgetState, need: MicroUsd = worthBeginning): MicroUsd {
  const short = spent + held + need - (limit ?? 0);
  const amount = Math.max(short, Math.round((limit ?? 0) / 2), 1);
  return Math.ceil(amount / 1_000_000) * 1_000_000;
}
