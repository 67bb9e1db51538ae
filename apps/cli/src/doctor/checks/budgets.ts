import type { RepositoryBudgets } from 'cyrus-core/config/budgets';
import type { Config } from 'cyrus-core/config/schema';
import type { Check, ConfiguredPatient } from '../check.ts';
import { type Finding, warning } from '../finding.ts';

const zeros = (path: string, budgets: RepositoryBudgets | Config['budgets'] | undefined): readonly string[] =>
  Object.entries(budgets ?? {}).flatMap(([key, value]) => (value === 0 ? [`${path}.${key}`] : []));

/** Budgets that let nothing be spent: meant as "no limit" more often than not. */
export function judgeBudgets(config: Pick<Config, 'budgets' | 'repositories'>): readonly Finding[] {
  const paths = [
    ...zeros('budgets', config.budgets),
    ...config.repositories.flatMap(({ id, isActive, budgets }) => (isActive ? zeros(`repositories "${id}" budgets`, budgets) : [])),
  ];
  return paths.map((path) =>
    warning('budgets', `${path} is 0: nothing may be spent`, {
      why: 'Work that costs something is not begun: each issue is asked about money. Only executors that cost nothing get work.',
      fix: `If you meant no limit, set ${path} to null; else to an amount of US dollars.`,
    }),
  );
}

export const budgetsCheck: Check<ConfiguredPatient> = {
  name: 'budgets',
  run: ({ config }) => judgeBudgets(config),
};
