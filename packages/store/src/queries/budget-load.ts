import {
  type BudgetKey,
  type BudgetLimits,
  type BudgetPlace,
  type BudgetRules,
  type BudgetScope,
  type BudgetState,
  budgetKeys,
  budgetScopes,
} from 'cyrus-core/budget';
import type { MicroUsd } from 'cyrus-core/money';
import type { Queryable, Tx } from '../pool.ts';

/** What an attempt under way keeps others from spending. */
export interface Holding extends BudgetPlace {
  readonly attemptId: string;
  readonly held: MicroUsd;
}

/** The budgets of several places at one moment. */
export interface BudgetBook {
  /** The budgets that count for `place`. `own`: an attempt of that place whose own reservation is left out. */
  states(place: BudgetPlace, own?: { readonly attemptId: string; readonly charged: MicroUsd }): readonly BudgetState[];
  /** Nothing was ever spent, held or added for this issue or task alone: so it is with nearly all that wait. */
  untouched(of: { readonly issueId: string; readonly taskId: string }): boolean;
}

/**
 * Reads the budgets of `places`, and locks them until the end of the transaction: what is decided on them then holds. Nobody
 * reserves meanwhile, since everybody locks the row of the month first.
 */
export async function lockBudgets(tx: Tx, rules: BudgetRules, places: readonly BudgetPlace[]): Promise<BudgetBook> {
  const now = await tx.now();
  const keys = keysOf(places, rules, now);
  const gates = keys.filter(({ scope }) => scope === 'month' || scope === 'day' || scope === 'credit');
  if (gates.length > 0)
    await tx.query(
      `insert into cyrus.budget (scope, key)
       select scope, key from unnest($1::text[], $2::text[]) with ordinality as g(scope, key, n) order by n on conflict do nothing`,
      columns(gates),
    );
  return load(tx, rules, keys, now, true);
}

/** The same without a lock: for a look. */
export async function readBudgets(db: Queryable, rules: BudgetRules, places: readonly BudgetPlace[]): Promise<BudgetBook> {
  const now = await db.now();
  return load(db, rules, keysOf(places, rules, now), now, false);
}

/** Each once, in the order in which they are locked. */
function keysOf(places: readonly BudgetPlace[], rules: BudgetRules, now: number): readonly BudgetKey[] {
  const { calendar } = rules;
  const keys = new Map<BudgetScope, Set<string>>(budgetScopes.map((scope) => [scope, new Set()]));
  for (const place of places) for (const { scope, key } of budgetKeys(place, calendar, now)) keys.get(scope)?.add(key);
  return budgetScopes.flatMap((scope) => [...(keys.get(scope) ?? [])].sort().map((key) => ({ scope, key })));
}

const nameOf = ({ scope, key }: BudgetKey): string => `${scope} ${key}`;
const columns = (keys: readonly BudgetKey[]): [string[], string[]] => [keys.map((key) => key.scope), keys.map((key) => key.key)];

async function load(db: Queryable, rules: BudgetRules, keys: readonly BudgetKey[], now: number, lock: boolean): Promise<BudgetBook> {
  const spent = await db.query<BudgetKey & { spent: number }>(
    // Sorted before it is locked: row after row in the order that everybody keeps.
    `select b.scope, b.key, b.spent from unnest($1::text[], $2::text[]) with ordinality as k(scope, key, n)
     join cyrus.budget b on b.scope = k.scope and b.key = k.key order by k.n ${lock ? 'for update of b' : ''}`,
    columns(keys),
  );
  const raises = await db.query<BudgetKey & { amount: number }>(
    `select r.scope, r.key, sum(r.amount) as amount from unnest($1::text[], $2::text[]) as k(scope, key)
     join cyrus.budget_raise r on r.scope = k.scope and r.key = k.key group by r.scope, r.key`,
    columns(keys),
  );
  const holdings = await openHoldings(db);
  const spentBy = new Map(spent.rows.map((row) => [nameOf(row), row.spent]));
  const raisedBy = new Map(raises.rows.map((row) => [nameOf(row), row.amount]));
  const heldBy = new Map<string, MicroUsd>();
  for (const holding of holdings) for (const name of sharesOf(holding)) heldBy.set(name, (heldBy.get(name) ?? 0) + holding.held);
  const touched = new Set<string>();
  for (const { scope, key } of [...spent.rows, ...raises.rows])
    if (scope === 'issue' || scope === 'task' || scope === 'attempt') touched.add(key);
  for (const { issueId, taskId } of holdings) touched.add(issueId).add(taskId);
  const limitsOf = new Map<string, BudgetLimits>();
  return {
    untouched: ({ issueId, taskId }) => !touched.has(issueId) && !touched.has(taskId),
    states(place, own) {
      const payer = `${place.repositoryId} ${place.executorId}`;
      const limits = limitsOf.get(payer) ?? rules.limits(place.repositoryId, place.executorId);
      limitsOf.set(payer, limits);
      const mine = own && holdings.find((holding) => holding.attemptId === own.attemptId);
      const ownShares = mine ? sharesOf(mine) : [];
      return budgetKeys(place, rules.calendar, now).map((key) => {
        const limit = limits[key.scope];
        const one = key.scope === 'attempt';
        const share = shareOf(key.scope, place);
        const held = (heldBy.get(share) ?? 0) - (ownShares.includes(share) ? (mine?.held ?? 0) : 0);
        return {
          ...key,
          limit: limit === null ? null : limit + (raisedBy.get(nameOf(key)) ?? 0),
          spent: one ? (own?.charged ?? 0) : (spentBy.get(nameOf(key)) ?? 0),
          held: one ? 0 : held,
        };
      });
    },
  };
}

/** What of `place` a budget sums up. */
function shareOf(scope: BudgetScope, place: BudgetPlace): string {
  switch (scope) {
    case 'credit':
      return `credit ${place.executorId}`;
    case 'repository':
      return `repository ${place.repositoryId}`;
    case 'issue':
      return `issue ${place.issueId}`;
    case 'task':
    case 'attempt':
      return `task ${place.taskId}`;
    case 'month':
    case 'day':
      return 'all';
  }
}

function sharesOf(holding: Holding): readonly string[] {
  if (holding.billing === 'credit') return [shareOf('credit', holding)];
  if (holding.billing !== 'list') return [];
  return (['day', 'repository', 'issue', 'task'] as const).map((scope) => shareOf(scope, holding));
}

/** What all attempts under way hold. */
export async function openHoldings(db: Queryable): Promise<readonly Holding[]> {
  const { rows } = await db.query<Holding>(
    `select r.attempt_id as "attemptId", a.task_id as "taskId", p.issue_id as "issueId", p.repository_id as "repositoryId",
       r.executor_id as "executorId", r.billing, greatest(r.cost - r.charged, r.intended) as held
     from cyrus.reservation r join cyrus.attempt a on a.id = r.attempt_id join cyrus.plan p on p.id = a.plan_id
     where r.released_at is null and r.billing <> 'included'`,
  );
  return rows;
}
