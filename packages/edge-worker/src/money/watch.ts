import type { BudgetRules } from 'cyrus-core/budget';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { type Effects, noEffects, priority } from 'cyrus-core/domain/effects';
import type { Log } from 'cyrus-store/log';
import { type Database, isConnectionError, type Tx } from 'cyrus-store/pool';
import { type ChangedBudget, markBudgetTold, sessionsOfBudget, takeChangedBudgets } from 'cyrus-store/queries/budget-changed';
import { applyEffects } from 'cyrus-store/queries/effects-apply';
import { releaseReservation } from 'cyrus-store/queries/reservation-release';
import { forgottenReservations } from 'cyrus-store/queries/reservations-forgotten';
import { alertText, decideAlert } from 'cyrus-task-orchestrator/budget-alert';
import { thought } from 'cyrus-task-orchestrator/tracker-writes';

export interface MoneyWatchOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: () => Config;
  readonly rules: BudgetRules;
  readonly lookMs?: number;
  readonly sweepMs?: number;
}

/** Tells of budgets that are being used up, and closes books that nobody closed. */
export interface MoneyWatch {
  close(): Promise<void>;
}

export function startMoneyWatch(options: MoneyWatchOptions): MoneyWatch {
  const { clock, log, lookMs = 2_000, sweepMs = 60_000 } = options;
  const stopped = new AbortController();

  async function run(): Promise<void> {
    let swept = Number.NEGATIVE_INFINITY;
    while (!stopped.signal.aborted) {
      try {
        await tellAlerts(options);
        if (clock.now() - swept >= sweepMs || clock.now() < swept) {
          swept = clock.now();
          await sweep(options);
        }
      } catch (error) {
        if (!isConnectionError(error)) log.warn({ error: String(error) }, 'the budgets could not be looked at; it is tried again');
      }
      await clock.sleep(lookMs, stopped.signal);
    }
  }

  const running = run();
  return {
    async close() {
      stopped.abort();
      await running;
    },
  };
}

/** Settles what has no live owner. An attempt closes its own books as it ends: what is found here was left by a defect. */
async function sweep({ db, log, rules }: MoneyWatchOptions): Promise<void> {
  for (const attemptId of await forgottenReservations(db)) {
    log.warn({ attemptId }, 'an attempt has ended, and its reservation was still open');
    await db.tx((tx) => releaseReservation(tx, rules.calendar, attemptId));
  }
}

/** Tells of each share of each budget that has been reached since the last look, once. Resolves with what was told. */
export async function tellAlerts(options: Pick<MoneyWatchOptions, 'db' | 'log' | 'config' | 'rules'>): Promise<readonly string[]> {
  const told = await options.db.tx(async (tx) => {
    const effects = noEffects();
    const texts: string[] = [];
    const changed = await takeChangedBudgets(tx);
    for (const budget of changed) {
      const limit = limitOf(options.rules, budget);
      const { told: level, alert } = decideAlert({ ...budget, limit });
      if (alert !== null) texts.push(await tellOne(tx, options.config(), { ...budget, limit, alert }, effects));
      await markBudgetTold(tx, budget, level);
    }
    await applyEffects(tx, effects);
    return texts;
  });
  for (const text of told) options.log.warn({}, text);
  return told;
}

function limitOf(rules: BudgetRules, { scope, repositoryId, executorId, raised }: ChangedBudget): number | null {
  const limit = rules.limits(repositoryId, executorId)[scope];
  return limit === null ? null : limit + raised;
}

async function tellOne(
  tx: Tx,
  config: Config,
  budget: ChangedBudget & { readonly limit: number | null; readonly alert: number },
  effects: Effects,
): Promise<string> {
  const { scope, key, alert, limit, spent } = budget;
  const about = budget.identifier ?? (scope === 'repository' ? budget.repositoryId : scope === 'credit' ? budget.executorId : null);
  const text = alertText(alert, budget, about);
  const name = `alert:${scope}:${key}:${alert}:${limit}`;
  effects.events.push({ type: 'budget.alert', payload: { scope, key, percent: alert, spent, limit, text } });
  if (config.budgets.alerts.webhookUrl !== undefined)
    effects.writes.push({
      key: name,
      credential: 'alerts',
      lane: 'alerts',
      priority: priority.thought,
      kind: 'alert',
      payload: { text: `Cyrus: ${text}` },
    });
  // Of what all share, people who wait for one issue hear once it is used up; of the issue's own, when there is still time.
  const ownEnds = alert >= 80 && (scope === 'issue' || scope === 'task');
  if (alert < 100 && !ownEnds) return text;
  for (const to of await sessionsOfBudget(tx, budget)) effects.writes.push(thought(to, name, text, to.planId));
  return text;
}
