import { join } from 'node:path';
import type { Config } from 'cyrus-core/config/schema';
import { idOf } from 'cyrus-core/ids';
import type { TaskExecutor } from 'cyrus-executor-interface/executor';
import { type Advance, defineAdvance } from 'cyrus-store/advance';
import { loadAttempt, recentTools } from 'cyrus-store/queries/attempt-load';
import { saveAttempt } from 'cyrus-store/queries/attempt-save';
import { applyEffects } from 'cyrus-store/queries/effects-apply';
import { takeInputs } from 'cyrus-store/queries/input-take';
import { releaseReservation } from 'cyrus-store/queries/reservation-release';
import { agentJobKey } from 'cyrus-task-orchestrator/attempt-run';
import { decideAttempt } from 'cyrus-task-orchestrator/decide-attempt';
import { describeTool } from 'cyrus-task-orchestrator/describe-tool';
import { attemptAllowance } from '../money/attempt-allowance.ts';
import { createBudgetRules } from '../money/budget-rules.ts';
import { noteExecutor } from './executor-news.ts';
import { attemptSettings } from './settings.ts';

export interface AttemptAdvanceOptions {
  readonly config: () => Config;
  readonly executors: ReadonlyMap<string, Pick<TaskExecutor, 'id' | 'kind' | 'capabilities'>>;
  readonly conversationsDirectory: string;
}

/** Moves one attempt as far as its rows allow. Safe to run twice, late, or after a crash. */
export function advanceAttempt({ config, executors, conversationsDirectory }: AttemptAdvanceOptions): Advance {
  const rules = createBudgetRules(config);
  return defineAdvance('attempt', async (tx, id, now) => {
    const loaded = await loadAttempt(tx, id);
    if (!loaded) return;
    const inputs = await takeInputs(tx, `attempt:${id}`);
    const { attempt, plan, conversation } = loaded;
    const tools = attempt.state === 'running' ? await recentTools(tx, id, attempt.progressAt) : [];
    const maxCost = await attemptAllowance(tx, rules, config(), { attempt, plan });
    const decision = decideAttempt(
      {
        ...loaded,
        conversation: { ...conversation, directory: join(conversationsDirectory, conversation.id) },
        agentJob: idOf(agentJobKey(id, attempt.run?.jobs ?? 1)),
        inputs,
        recentTools: tools.map((used) => describeTool(used.tool, used.input)),
        settings: attemptSettings(config(), plan, maxCost, executors.get(attempt.executorId) ?? null),
      },
      now,
    );
    await Promise.all([saveAttempt(tx, id, conversation.id, decision), applyEffects(tx, decision.effects)]);
    if (decision.ended) await releaseReservation(tx, rules.calendar, id);
    // One that is not there any more is not to be mended; if its trial was the last of it, the next one is.
    const heard = executors.has(attempt.executorId) ? inputs : [];
    await noteExecutor(tx, { id, executorId: attempt.executorId, ended: decision.ended, atWork: tools.length > 0 }, heard, now);
  });
}
