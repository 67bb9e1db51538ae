import type { Plan } from 'cyrus-core/domain/plan';
import { expect, test } from 'vitest';
import { issueRead, noon, plan, state } from '../test/session-rows.ts';
import { decideSession } from './decide-session.ts';

test('who asks while the work of another thread is being stopped does not join it: it is stopped, and theirs begins afterwards', () => {
  const waiting = decideSession(state({ issuePlan: plan, issuePlanIsStopping: true }), noon);
  expect(waiting).toMatchObject({ readSeq: 0, newPlan: null, planId: null, close: null, issueJob: null });
  expect(waiting.effects.tells).toEqual([]);
  expect(waiting.effects.wakes).toContainEqual({ entity: 'session:s1', at: noon + 1_000 });
  const stopped: Plan = { ...plan, state: 'stopped', headSha: 'kept' };
  const begun = decideSession(state({ lastPlan: stopped, issueJob: 'j', inputs: [issueRead('j')] }), noon);
  expect(begun.newPlan).toMatchObject({ startSha: 'kept', follows: plan.id });
});
