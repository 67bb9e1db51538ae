import { type EventDraft, noEffects } from 'cyrus-core/domain/effects';
import { idOf } from 'cyrus-core/ids';
import { type Advance, defineAdvance } from 'cyrus-store/advance';
import { insertAttempt } from 'cyrus-store/queries/attempt-insert';
import { applyEffects } from 'cyrus-store/queries/effects-apply';
import { beginTrial } from 'cyrus-store/queries/executor-condition';
import type { ConditionRow } from 'cyrus-store/queries/executor-status';
import { takeInputs } from 'cyrus-store/queries/input-take';
import { decideDispatch, waitingWords } from 'cyrus-task-orchestrator/decide-dispatch';
import { tellWaiting } from 'cyrus-task-orchestrator/queue-words';
import { billingOf, costPerRun } from '../money/budget-rules.ts';
import { createDispatchReader, type DispatcherOptions } from './dispatch-state.ts';

/** Gives ready tasks their next attempts: attempt, reservation, decision and wake-up in one transaction. */
export function advanceDispatcher(options: DispatcherOptions): Advance {
  const read = createDispatchReader(options);
  return defineAdvance('dispatcher', async (tx, _id, now) => {
    const { state, conditions } = await read(tx, now);
    await takeInputs(tx, 'dispatcher:main');
    const config = options.config();
    const decision = decideDispatch(state, now);
    const effects = noEffects();
    for (const { task, ...assignment } of decision.assignments) {
      const { executorId, reason } = assignment;
      const attemptId = idOf(`attempt:${task.taskId}:${task.number}`);
      const conversationId = idOf(`conversation:${task.issueId}:${task.repositoryId}:${executorId}`);
      await insertAttempt(tx, {
        ...task,
        ...assignment,
        id: attemptId,
        conversationId,
        billing: billingOf(config, executorId),
        costPerRun: costPerRun(config, executorId),
      });
      if (assignment.trial) await beginTrial(tx, executorId, attemptId);
      effects.tells.push({
        entity: `plan:${task.planId}`,
        kind: 'attempt_created',
        payload: { attemptId, number: task.number, executorId, reason },
      });
      effects.tells.push({ entity: `attempt:${attemptId}`, kind: 'begin', payload: {} });
    }
    for (const waiting of decision.waiting) {
      const { task, key, until, ahead } = waiting;
      if (until !== null) effects.wakes.push({ entity: 'dispatcher:main', at: until });
      if (!key) continue;
      const numbered = `${key}:${task.number}`;
      const tell = tellWaiting(task.told, { key: numbered, ahead }, now);
      if (!tell.tell) {
        if (tell.at !== null) effects.wakes.push({ entity: 'dispatcher:main', at: tell.at });
        continue;
      }
      const reason = waitingWords(waiting);
      const event: EventDraft = {
        type: 'task.waiting',
        planId: task.planId,
        taskId: task.taskId,
        payload: { key: numbered, ahead, reason },
      };
      effects.events.push(event);
      const payload = { key: numbered, at: now, reason, ...whyWaiting(key, conditions, task.ruledOut) };
      effects.tells.push({ entity: `plan:${task.planId}`, kind: 'waiting', payload });
    }
    await applyEffects(tx, effects);
  });
}

/** What a plan has to know of its waiting besides the words: an executor that a person has to mend, or that nobody is left. */
function whyWaiting(key: string, conditions: readonly ConditionRow[], ruledOut: readonly unknown[]): Readonly<Record<string, unknown>> {
  if (key === 'no-fit' && ruledOut.length > 0) return { exhausted: true };
  const parked = conditions.find((row) => key === `parked:${row.executorId}`);
  return parked?.failure ? { failure: parked.failure } : {};
}
