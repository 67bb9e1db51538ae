import { idOf } from 'cyrus-core/ids';
import { type Advance, defineAdvance } from 'cyrus-store/advance';
import type { Tx } from 'cyrus-store/pool';
import { insertRaise } from 'cyrus-store/queries/budget-raise';
import { applyEffects } from 'cyrus-store/queries/effects-apply';
import { takeInputs } from 'cyrus-store/queries/input-take';
import { readEarlierRuns } from 'cyrus-store/queries/plan-earlier-runs';
import { loadPlan } from 'cyrus-store/queries/plan-load';
import { savePlan, savePlanMessages, saveTask } from 'cyrus-store/queries/plan-save';
import { askQuestion, endQuestion } from 'cyrus-store/queries/question-save';
import { saveIssue } from 'cyrus-store/queries/session-save';
import { decidePlan } from 'cyrus-task-orchestrator/decide-plan';
import type { QuestionStep } from 'cyrus-task-orchestrator/plan-context';
import type { NoPullRequest } from '../code-host.ts';
import { createBudgetRules } from '../money/budget-rules.ts';
import { planBudgets } from '../money/plan-budgets.ts';
import { type FallbackExecutorsOptions, fallbackExecutors } from './fallback-executors.ts';
import { planSettings } from './settings.ts';
import { taskAnalysis } from './task-analysis.ts';

export interface PlanAdvanceOptions extends FallbackExecutorsOptions {
  readonly noPullRequest: NoPullRequest;
  readonly random: () => number;
}

/** Moves one plan and its tasks as far as their rows allow. Safe to run twice, late, or after a crash. */
export function advancePlan(options: PlanAdvanceOptions): Advance {
  const rules = createBudgetRules(options.config);
  return defineAdvance('plan', async (tx, id, now) => {
    const loaded = await loadPlan(tx, id);
    if (!loaded) return;
    const inputs = await takeInputs(tx, `plan:${id}`);
    const earlierRuns = loaded.plan.follows === null ? [] : await readEarlierRuns(tx, id);
    const decision = decidePlan(
      {
        ...loaded,
        earlierRuns,
        inputs,
        settings: planSettings(options.config(), loaded.plan, options.noPullRequest(loaded.plan.repositoryId)),
        spent: { cost: loaded.cost, unpriced: loaded.unpriced, covered: loaded.covered, estimated: loaded.estimated },
        executors: await fallbackExecutors(tx, options, loaded, now),
        budgets: await planBudgets(tx, rules, options.config(), { ...loaded, inputs }),
        random: options.random,
      },
      now,
    );
    const analysis = await taskAnalysis(tx, options.config(), loaded, decision);
    await Promise.all([
      savePlan(tx, id, decision.plan),
      decision.task ? saveTask(tx, id, loaded.plan.procedure, decision.task, analysis) : undefined,
      savePlanMessages(tx, id, decision.newMessages, decision.deliveredThrough),
      decision.question ? saveQuestion(tx, id, decision.question) : undefined,
      decision.issue ? saveIssue(tx, loaded.issue.id, decision.issue) : undefined,
      decision.raise && loaded.question
        ? insertRaise(tx, { ...decision.raise, id: idOf(`raise:${loaded.question.id}`), planId: id })
        : undefined,
      applyEffects(tx, decision.effects),
    ]);
  });
}

function saveQuestion(tx: Tx, planId: string, step: QuestionStep): Promise<void> {
  if (step.do !== 'ask') return endQuestion(tx, step.id, step.do === 'answer' ? step.answer : null);
  return askQuestion(tx, { ...step, planId, seq: null });
}
