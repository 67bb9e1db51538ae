import { type BudgetState, budgetName, leftIn } from 'cyrus-core/budget';
import type { Config } from 'cyrus-core/config/schema';
import { formatUsd, type MicroUsd } from 'cyrus-core/money';
import { billingOf, createBudgetRules } from 'cyrus-edge-worker/money/budget-rules';
import type { Queryable } from 'cyrus-store/pool';
import { readBudgets } from 'cyrus-store/queries/budget-load';
import { type MoneyToday, readMoneyToday, toldBudgets } from 'cyrus-store/queries/money-today';

/** One budget as it stands. Micro-dollars. */
interface BudgetStatus {
  readonly scope: string;
  /** The repository, or the executor of a credit. */
  readonly of: string | null;
  readonly limit: MicroUsd | null;
  readonly spent: MicroUsd;
  readonly reserved: MicroUsd;
  readonly left: MicroUsd | null;
}

export interface MoneyStatus extends MoneyToday {
  readonly timeZone: string;
  readonly budgets: readonly BudgetStatus[];
  /** Issues and tasks under way that have used most of their budgets. */
  readonly nearlyUsed: Awaited<ReturnType<typeof toldBudgets>>;
  /** Executors whose runs no budget can hold. */
  readonly unknownCosts: readonly string[];
}

/** What is spent today and this month, against the limits. */
export async function moneyStatus(db: Queryable, config: Config): Promise<MoneyStatus> {
  const rules = createBudgetRules(() => config);
  const place = { taskId: '', issueId: '', executorId: '', billing: 'list' as const };
  const repositories = config.repositories.map(({ id }) => ({ ...place, repositoryId: id }));
  const everywhere = { ...place, repositoryId: '' };
  const credits = ['claude']
    .filter((id) => billingOf(config, id) === 'credit')
    .map((id) => ({ ...everywhere, executorId: id, billing: 'credit' as const }));
  const book = await readBudgets(db, rules, [everywhere, ...repositories, ...credits]);
  const shared = book.states(everywhere).filter(({ scope }) => scope === 'day' || scope === 'month');
  const budgets = [
    ...shared.reverse().map((state) => statusOf(state, null)),
    ...repositories.flatMap((one) =>
      book
        .states(one)
        .filter(({ scope, limit }) => scope === 'repository' && limit !== null)
        .map((state) => statusOf(state, one.repositoryId)),
    ),
    ...credits.flatMap((one) => book.states(one).map((state) => statusOf(state, one.executorId))),
  ];
  const today = rules.calendar.day(await db.now()).key;
  return {
    timeZone: rules.calendar.timeZone,
    budgets,
    ...(await readMoneyToday(db, today)),
    nearlyUsed: await toldBudgets(db),
    unknownCosts: unknownCosts(config),
  };
}

const statusOf = (state: BudgetState, of: string | null): BudgetStatus => ({
  scope: state.scope,
  of,
  limit: state.limit,
  spent: state.spent,
  reserved: state.held,
  left: leftIn(state),
});

/** Executors that report no cost and of which nothing is assumed. */
export function unknownCosts({ codegen, executors }: Pick<Config, 'codegen' | 'executors'>): readonly string[] {
  const own = Object.entries(executors).filter(([, { capabilities }]) => capabilities?.cost === 'none');
  const all = [...(codegen?.enabled ? [['codegen', codegen] as const] : []), ...own];
  return all.flatMap(([id, { estimatedCostPerRunUsd }]) => (estimatedCostPerRunUsd === undefined ? [id] : []));
}

const names: Readonly<Record<string, string>> = {
  day: 'Spent today',
  month: 'This month',
  repository: 'This month',
  credit: 'Credit of this month',
};

export function moneyLines(money: MoneyStatus): readonly string[] {
  const lines = money.budgets.map(({ scope, of, limit, spent, reserved }) => {
    const share = limit === null ? ', no limit' : ` of ${formatUsd(limit)}${limit > 0 ? ` (${Math.floor((spent * 100) / limit)} %)` : ''}`;
    const zone = scope === 'day' ? ` (${money.timeZone})` : '';
    const more = scope === 'day' ? dayNotes(money) : [];
    const share100 = limit === null || limit === 0 ? 0 : (spent * 100) / limit;
    const how = share100 >= 100 ? ['used up'] : share100 >= 80 ? ['nearly used up'] : [];
    const notes = [...how, ...(reserved > 0 ? [`${formatUsd(reserved)} reserved`] : []), ...more];
    return `${names[scope] ?? scope}${of === null ? '' : ` in ${of}`}${zone}: ${formatUsd(spent)}${share}${notes.map((note) => `, ${note}`).join('')}`;
  });
  const used = money.nearlyUsed.map(
    ({ scope, identifier, told, spent }) => `${identifier}: ${told} % of ${budgetName(scope)} is spent (${formatUsd(spent)})`,
  );
  const unknown = money.unknownCosts.map(
    (id) =>
      `${id} reports no cost: no budget holds its runs, only limits.maxAttemptsPerTask and attemptTimeoutMs do. Set ${id === 'codegen' ? id : `executors.${id}`}.estimatedCostPerRunUsd.`,
  );
  return [...lines, ...used, ...unknown];
}

function dayNotes({ unpriced, covered, estimated }: MoneyToday): readonly string[] {
  return [
    ...(estimated > 0 ? [`${formatUsd(estimated)} of it estimated`] : []),
    ...(covered > 0 ? [`besides ${formatUsd(covered)} at list price that is included`] : []),
    ...(unpriced > 0 ? [`and ${unpriced} unpriced ${unpriced === 1 ? 'call' : 'calls'}`] : []),
  ];
}
