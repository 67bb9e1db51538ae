import type { Config } from 'cyrus-core/config/schema';
import type { Input, JobEnd } from 'cyrus-core/domain/effects';
import type { Issue } from 'cyrus-core/domain/issue';
import { type Advance, defineAdvance } from 'cyrus-store/advance';
import type { Tx } from 'cyrus-store/pool';
import { applyEffects } from 'cyrus-store/queries/effects-apply';
import { takeInputs } from 'cyrus-store/queries/input-take';
import { lineageOf } from 'cyrus-store/queries/lineage';
import { insertPlan } from 'cyrus-store/queries/plan-insert';
import { findPlan, plansOfIssue } from 'cyrus-store/queries/plan-row';
import { askQuestion, endQuestion } from 'cyrus-store/queries/question-save';
import { loadSession } from 'cyrus-store/queries/session-load';
import { closeTurn, markRefused, openTurn, saveIssue, saveSession } from 'cyrus-store/queries/session-save';
import { decideSession } from 'cyrus-task-orchestrator/decide-session';
import type { SessionDecision, SessionQuestion } from 'cyrus-task-orchestrator/session-context';
import { accessRules } from './access-rules.ts';
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
    // The first look reads the issue; what is read arrives as an input, and is what the guards go by.
    const details = readIssueOf(inputs)?.details ?? loaded.issue.details;
    const lineage = await lineageOf(tx, {
      id: session.issueId,
      ancestors: (details?.ancestors ?? []).map((ancestor) => ancestor.id),
      appUserId: session.context.appUserId ?? null,
    });
    const decision = decideSession(
      {
        ...loaded,
        inputs,
        plan,
        issuePlan: plans.live && plans.live.id !== session.planId ? plans.live : null,
        lastPlan: plans.last,
        issuePlanIsStopping: plans.liveIsStopping,
        lastPlanIsSaving: plans.lastIsSaving,
        repositories: routables(config()),
        nameBranch,
        access: (repositoryId) => accessRules(config(), repositoryId),
        lineage: { ...lineage, limits: { depth: config().limits.maxIssueDepth, siblings: config().limits.maxAgentIssues } },
      },
      now,
    );
    if (decision.issue) await saveIssue(tx, session.issueId, decision.issue);
    if (decision.close) await closeTurn(tx, decision.close.turnId, decision.close.answer);
    if (decision.reopen) await openTurn(tx, id, decision.reopen);
    await markRefused(tx, id, decision.refused);
    if (decision.question) await saveQuestion(tx, id, decision.question);
    if (decision.newPlan) await insertPlan(tx, decision.newPlan);
    await saveSession(tx, id, decision);
    await applyEffects(tx, decision.effects);
  });
}

function readIssueOf(inputs: readonly Input[]): SessionDecision['issue'] {
  const end = inputs.findLast((input) => input.kind === 'job')?.payload as JobEnd | undefined;
  return (end?.result?.['issue'] as SessionDecision['issue'] | undefined) ?? null;
}

function saveQuestion(tx: Tx, sessionId: string, step: SessionQuestion): Promise<void> {
  if (step.do !== 'ask') return endQuestion(tx, step.id, step.do === 'answer' ? step.answer : null);
  return askQuestion(tx, { ...step, kind: 'route', topic: null, planId: null, attemptId: null, sessionId });
}
