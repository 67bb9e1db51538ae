import type { Config } from 'cyrus-core/config/schema';
import type { Issue } from 'cyrus-core/domain/issue';
import { type Advance, defineAdvance } from 'cyrus-store/advance';
import { applyEffects } from 'cyrus-store/queries/effects-apply';
import { takeInputs } from 'cyrus-store/queries/input-take';
import { insertPlan } from 'cyrus-store/queries/plan-insert';
import { findPlan, plansOfIssue } from 'cyrus-store/queries/plan-row';
import { loadSession } from 'cyrus-store/queries/session-load';
import { closeTurn, openTurn, saveIssue, saveSession } from 'cyrus-store/queries/session-save';
import { decideSession } from 'cyrus-task-orchestrator/decide-session';
import { routables } from './settings.ts';

/** Moves one session as far as its rows allow. Safe to run twice, late, or after a crash. */
export function advanceSession(config: () => Config, nameBranch: (issue: Issue, number: number) => string): Advance {
  return defineAdvance('session', async (tx, id, now) => {
    const loaded = await loadSession(tx, id);
    if (!loaded) return;
    const inputs = await takeInputs(tx, `session:${id}`);
    const { session } = loaded;
    const plans = await plansOfIssue(tx, session.issueId);
    const plan = session.planId === null ? null : await findPlan(tx, session.planId);
    const decision = decideSession(
      {
        ...loaded,
        inputs,
        plan,
        issuePlan: plans.live && plans.live.id !== session.planId ? plans.live : null,
        lastPlan: plans.last,
        lastPlanIsSaving: plans.lastIsSaving,
        repositories: routables(config()),
        stateOnStart: config().stateOnStart,
        nameBranch,
      },
      now,
    );
    if (decision.issue) await saveIssue(tx, session.issueId, decision.issue);
    if (decision.close) await closeTurn(tx, decision.close.turnId, decision.close.answer);
    if (decision.reopen) await openTurn(tx, id, decision.reopen.turnId, decision.reopen.fromSeq);
    if (decision.newPlan) await insertPlan(tx, decision.newPlan);
    await saveSession(tx, id, decision);
    await applyEffects(tx, decision.effects);
  });
}
