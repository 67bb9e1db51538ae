import type { Issue, IssueDetails } from 'cyrus-core/domain/issue';
import type { Plan } from 'cyrus-core/domain/plan';
import { describe, expect, test } from 'vitest';
import { context, input, job, noon, plan } from '../test/plan-rows.ts';
import { decidePlan } from './decide-plan.ts';
import type { PlanContext, PlanDecision } from './plan-context.ts';
import { firstLookMs, lookAgainMs } from './plan-draft.ts';

const details = (stateType: string): IssueDetails => ({
  ...({ state: null, teamStates: [], teamKey: 'ENG', projectName: null, projectId: null, labels: [] } as const),
  ...({ assigneeId: null, delegateId: null, hasChildren: false, hasParent: false, comments: [] } as const),
  blockedBy: [{ id: 'i0', identifier: 'ENG-0', title: 'First', stateType }],
});
const issue = (stateType: string): Issue => ({ ...context().issue, details: details(stateType) });
const read = (stateType: string): ReturnType<typeof job> =>
  job({
    jobId: 'look',
    kind: 'issue',
    result: { issue: { identifier: 'ENG-1', title: 'T', description: '', url: null, details: details(stateType) } },
  });
const waiting: Plan = plan({ state: 'parked', parkedReason: 'blocked', parkedFrom: 'drafting', parkedUntil: noon + 1000 });
const fresh = { task: null, attempts: [] };
const decide = (over: Partial<PlanContext>, now = noon): PlanDecision => decidePlan(context({ ...fresh, ...over }), now);
const told = (decision: PlanDecision): readonly string[] => decision.effects.tells.map((tell) => `${tell.entity} ${tell.kind}`);

describe('an issue that others block', () => {
  test.each(['backlog', 'unstarted', 'started', 'triage'])('waits while one of them is %s, and says so', (stateType) => {
    const decision = decide({ plan: plan({ state: 'drafting' }), issue: issue(stateType) });
    expect(decision.plan).toMatchObject({
      state: 'parked',
      parkedReason: 'blocked',
      parkedFrom: 'drafting',
      parkedUntil: noon + firstLookMs,
    });
    expect(told(decision)).toEqual(['session:s1 plan_waits']);
    expect(JSON.stringify(decision.effects.tells)).toContain('blocked by ENG-0 (`First`)');
    expect(decision.effects.wakes).toContainEqual({ entity: 'plan:p1', at: noon + firstLookMs });
  });

  test('looks soon for the first time: what was finished while the issue was being read told nobody', () => {
    const parked = decide({ plan: plan({ state: 'drafting' }), issue: issue('started') }).plan;
    expect(firstLookMs).toBeLessThan(lookAgainMs);
    const look = decide({ plan: plan({ ...waiting, parkedUntil: parked.parkedUntil }) }, noon + firstLookMs);
    expect(look.effects.jobs).toMatchObject([{ kind: 'issue' }]);
    expect(look.plan.parkedUntil).toBe(noon + firstLookMs + lookAgainMs);
  });

  test.each(['completed', 'canceled', 'duplicate'])('begins when it is %s', (stateType) => {
    const decision = decide({ plan: plan({ state: 'drafting' }), issue: issue(stateType) });
    expect(decision.plan.state).toBe('running');
    expect(told(decision)).toEqual(['dispatcher:main ready']);
  });

  test('looks again when told, and by itself when it is time; the same look is one job', () => {
    const when = decide({ plan: waiting, inputs: [input('look_again', {})] });
    expect(when.effects.jobs).toMatchObject([{ kind: 'issue', notify: 'plan:p1' }]);
    expect(decide({ plan: waiting }, noon + 999).effects.jobs).toEqual([]);
    const first = decide({ plan: waiting }, noon + 1000);
    expect(first.effects.jobs[0]?.key).toBe(decide({ plan: waiting }, noon + 2000).effects.jobs[0]?.key);
    expect(first.plan.parkedUntil).toBe(noon + 1000 + lookAgainMs);
  });

  test('begins in a turn of its own once nothing blocks it', () => {
    const decision = decide({ plan: waiting, inputs: [read('completed')] });
    expect(decision.plan).toMatchObject({ state: 'running', parkedReason: null, parkedUntil: null });
    expect(told(decision)).toEqual(['session:s1 unparked', 'dispatcher:main ready']);
    expect(decision.issue?.details.blockedBy).toMatchObject([{ stateType: 'completed' }]);
  });

  test('goes on waiting when it is still blocked, or could not be read', () => {
    expect(decide({ plan: waiting, inputs: [read('started')] }).plan.state).toBe('parked');
    const failed = job({ kind: 'issue', state: 'failed', failure: { class: 'network', message: 'gone' } });
    expect(decide({ plan: waiting, inputs: [failed] }).plan.state).toBe('parked');
  });

  test('begins at once when a person says so; other words are kept', () => {
    const says = (body: string): ReturnType<typeof input> =>
      input('message', { sessionId: 's1', seq: 2, authorName: 'Ada', body, signal: null, at: noon });
    expect(decide({ plan: waiting, issue: issue('started'), inputs: [says('start anyway')] }).plan.state).toBe('running');
    const kept = decide({ plan: waiting, issue: issue('started'), inputs: [says('use the new API')] });
    expect(kept.plan.state).toBe('parked');
    expect(JSON.stringify(kept.effects.tells)).toContain('`start anyway`');
  });
});
