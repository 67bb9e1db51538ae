import type { Config } from 'cyrus-core/config/schema';
import { type EventDraft, noEffects } from 'cyrus-core/domain/effects';
import { idOf } from 'cyrus-core/ids';
import { microUsd } from 'cyrus-core/money';
import { type Advance, defineAdvance } from 'cyrus-store/advance';
import { insertAttempt } from 'cyrus-store/queries/attempt-insert';
import { loadDispatch } from 'cyrus-store/queries/dispatch-load';
import { applyEffects } from 'cyrus-store/queries/effects-apply';
import { takeInputs } from 'cyrus-store/queries/input-take';
import { decideDispatch, type ExecutorChoice } from 'cyrus-task-orchestrator/decide-dispatch';
import { maxCostPerTask } from './settings.ts';

/** Memory that one local agent is counted with: a Claude Code process and the commands it runs. */
export const memoryPerAttemptMb: number = 400;

const dayMs = 86_400_000;

/** Gives ready tasks their next attempts: attempt, reservation, decision and wake-up in one transaction. */
export function advanceDispatcher(config: () => Config, executors: () => readonly ExecutorChoice[]): Advance {
  return defineAdvance('dispatcher', async (tx, _id, now) => {
    const dayStart = Math.floor(now / dayMs) * dayMs;
    const loaded = await loadDispatch(tx, dayStart);
    await takeInputs(tx, 'dispatcher:main');
    const { limits } = config();
    const slots = loaded.hosts.reduce((sum, host) => sum + host.slots, 0);
    const decision = decideDispatch(
      {
        ready: loaded.ready,
        executors: executors(),
        defaultExecutor: config().executor,
        slots: { total: slots, used: loaded.slotsUsed },
        memoryMb: { total: loaded.hosts.reduce((sum, host) => sum + host.memoryMb, 0), used: loaded.memoryUsedMb },
        memoryPerAttemptMb,
        day: {
          spent: loaded.spentToday,
          reserved: loaded.reserved,
          limit: limits.maxCostPerDayUsd === null ? null : microUsd(limits.maxCostPerDayUsd),
          endsAt: dayStart + dayMs,
        },
        maxCostPerTask: maxCostPerTask(config()),
        draining: loaded.draining,
      },
      now,
    );
    const effects = noEffects();
    for (const { task, executorId, reason, alternatives, cost } of decision.assignments) {
      const attemptId = idOf(`attempt:${task.taskId}:${task.number}`);
      const conversationId = idOf(`conversation:${task.issueId}:${task.repositoryId}:${executorId}`);
      const held = { slots: 1, memoryMb: memoryPerAttemptMb, cost };
      await insertAttempt(tx, { ...task, id: attemptId, executorId, conversationId, reason, alternatives, ...held });
      effects.tells.push({
        entity: `plan:${task.planId}`,
        kind: 'attempt_created',
        payload: { attemptId, number: task.number, executorId, reason },
      });
      effects.tells.push({ entity: `attempt:${attemptId}`, kind: 'begin', payload: {} });
    }
    for (const { task, key, reason, until } of decision.waiting) {
      if (until !== null) effects.wakes.push({ entity: 'dispatcher:main', at: until });
      if (!key || key === task.waitingKey) continue;
      const event: EventDraft = { type: 'task.waiting', planId: task.planId, taskId: task.taskId, payload: { key, reason } };
      effects.events.push(event);
      effects.tells.push({ entity: `plan:${task.planId}`, kind: 'waiting', payload: { key: `${key}:${task.number}`, reason } });
    }
    await applyEffects(tx, effects);
  });
}
