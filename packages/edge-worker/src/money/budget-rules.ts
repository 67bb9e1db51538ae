import type { Billing, BudgetLimits, BudgetRules } from 'cyrus-core/budget';
import { type Calendar, createCalendar } from 'cyrus-core/calendar';
import type { BillingConfig } from 'cyrus-core/config/budgets';
import type { Config } from 'cyrus-core/config/schema';
import { type MicroUsd, microUsd } from 'cyrus-core/money';
import { executorSettings } from '../executor-settings.ts';

const amount = (usd: number | null | undefined): MicroUsd | null => (usd === null || usd === undefined ? null : microUsd(usd));

/** The budgets of the configuration as it is when they are asked, the calendar too: whoever keeps that counts in the zone of now. */
export function createBudgetRules(config: () => Config): BudgetRules {
  let known: Calendar | undefined;
  const current = (): Calendar => {
    const { timeZone } = config().budgets;
    if (known?.timeZone !== timeZone) known = createCalendar(timeZone);
    return known;
  };
  const calendar: Calendar = {
    get timeZone() {
      return current().timeZone;
    },
    day: (at) => current().day(at),
    month: (at) => current().month(at),
  };
  return {
    calendar,
    limits: (repositoryId, executorId) => budgetLimits(config(), repositoryId, executorId),
  };
}

function budgetLimits(config: Config, repositoryId: string, executorId: string): BudgetLimits {
  const repository = config.repositories.find((one) => one.id === repositoryId);
  const budgets = { ...config.budgets, ...repository?.budgets };
  const how = billingConfig(config, executorId);
  return {
    month: amount(budgets.perMonthUsd),
    day: amount(budgets.perDayUsd),
    repository: amount(budgets.perRepositoryUsd),
    issue: amount(budgets.perIssueUsd),
    task: amount(budgets.perTaskUsd),
    attempt: amount(budgets.perAttemptUsd),
    credit: typeof how === 'object' ? amount(how.credit.monthlyUsd) : null,
  };
}

/** How the use of an executor's login is paid for. */
export function billingOf(config: Config, executorId: string): Billing {
  const how = billingConfig(config, executorId);
  return typeof how === 'object' ? 'credit' : how;
}

function billingConfig(config: Config, executorId: string): BillingConfig {
  if (executorId !== 'claude') return 'list';
  return config.claude.billing ?? (config.claude.auth === 'ownLogin' ? 'included' : 'list');
}

/** What a run of an executor is assumed to cost; null: not configured. */
export function costPerRun(config: Config, executorId: string): MicroUsd | null {
  return amount(executorSettings(config, executorId).estimatedCostPerRunUsd);
}

/** Each model call of its attempts passes our own gateway, which holds it to what the attempt may spend. */
export function isMetered(config: Config, executorId: string): boolean {
  return executorId === 'claude' && config.claude.auth === 'apiKey';
}
