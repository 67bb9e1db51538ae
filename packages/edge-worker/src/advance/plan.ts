import type { Config } from 'cyrus-core/config/schema';
import { type Advance, defineAdvance } from 'cyrus-store/advance';
import { applyEffects } from 'cyrus-store/queries/effects-apply';
import { takeInputs } from 'cyrus-store/queries/input-take';
import { loadPlan } from 'cyrus-store/queries/plan-load';
import { savePlan, savePlanMessages, saveTask } from 'cyrus-store/queries/plan-save';
import { decidePlan } from 'cyrus-task-orchestrator/decide-plan';
import { planSettings } from './settings.ts';

export interface PlanAdvanceOptions {
  readonly config: () => Config;
  readonly hasCodeHost: (repositoryId: string) => boolean;
  readonly random: () => number;
}

/** Moves one plan and its tasks as far as their rows allow. Safe to run twice, late, or after a crash. */
export function advancePlan(options: PlanAdvanceOptions): Advance {
  return defineAdvance('plan', async (tx, id, now) => {
    const loaded = await loadPlan(tx, id);
    if (!loaded) return;
    const inputs = await takeInputs(tx, `plan:${id}`);
    const decision = decidePlan(
      {
        ...loaded,
        inputs,
        settings: planSettings(options.config(), loaded.plan, options.hasCodeHost),
        spent: { cost: loaded.cost, unpriced: loaded.unpriced },
        random: options.random,
      },
      now,
    );
    await Promise.all([
      savePlan(tx, id, decision.plan),
      decision.task ? saveTask(tx, id, loaded.plan.procedure, decision.task) : undefined,
      savePlanMessages(tx, id, decision.newMessages, decision.deliveredThrough),
      applyEffects(tx, decision.effects),
    ]);
  });
}
