import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cloud, local, money, noon, policy, ready, repository, resting, state, work } from '../test/support/facts.ts';
import { type DispatchState, decideDispatch, waitingWords } from './decide-dispatch.ts';

describe('decideDispatch', () => {
  test.each<[string, Partial<DispatchState>, string[], string[]]>([
    ['gives the default executor', {}, ['t1 claude: the default executor'], []],
    ['gives the only executor there is', { executors: [local('claude')] }, ['t1 claude: the only executor configured'], []],
    ['gives the executor asked for', { ready: [ready(1, { agent: 'custom' })] }, ['t1 custom: asked for in the issue'], []],
    [
      'says when the executor asked for is unknown',
      { ready: [ready(1, { agent: 'x' })] },
      ['t1 claude: [agent=x] is not configured; the default executor'],
      [],
    ],
    [
      'starts the oldest first',
      { ready: [ready(3), ready(1), ready(2)] },
      ['t1 claude: the default executor', 't2 claude: the default executor'],
      ['t3 slots'],
    ],
    ['waits for memory rather than overcommit', { memoryMb: { total: 500, used: 400 } }, [], ['t1 slots']],
    ['waits for its time', { ready: [ready(1, { notBefore: noon + 1 })] }, [], ['t1 ']],
    ['starts nothing while draining', { draining: true }, [], ['t1 draining']],
    ['stops at the limit of the task', { money: money({ tasks: { t1: 5_000_000 } }) }, [], ['t1 budget:task:t1:5000000:250000']],
    ['counts reservations against the day', { money: money({ spent: 40_000_000, held: 9_900_000 }) }, [], ['t1 money:day']],
    ['says when a day is used up', { money: money({ spent: 49_900_000 }) }, [], ['t1 budget:day:today:50000000:250000']],
    ['a limit of nothing lets nothing start', { money: money({ day: 0 }) }, [], ['t1 budget:day:today:0:250000']],
    ['no limit is no limit', { money: money({ spent: 9e9, day: null, task: null }) }, ['t1 claude: the default executor'], []],
    [
      'an agent that costs nothing more runs on an empty budget',
      { money: money({ spent: 50_000_000 }), executors: [local('claude', { included: true })] },
      ['t1 claude: the only executor configured'],
      [],
    ],
    [
      'the cloud takes no place of this machine',
      { policy: policy('cloud-only'), executors: [cloud('codegen')], slots: { total: 0, used: 0 }, memoryMb: { total: 0, used: 0 } },
      ['t1 codegen: cloud-only: all work goes to the cloud'],
      [],
    ],
    [
      'an executor takes no more than its cap',
      { policy: policy('cloud-only'), executors: [cloud('codegen', { runs: { used: 1, cap: 2 } })], ready: [ready(1), ready(2)] },
      ['t1 codegen: cloud-only: all work goes to the cloud'],
      ['t2 executor:codegen'],
    ],
    [
      'a repository takes no more than its cap',
      { repository: () => repository({ runs: { used: 0, cap: 1 } }), ready: [ready(1), ready(2)] },
      ['t1 claude: the default executor'],
      ['t2 repository:main'],
    ],
    [
      'one run finds out whether an executor works again; the others wait for it',
      {
        executors: [local('claude', { condition: { state: 'trying', reason: 'it failed', until: null, failure: null } })],
        ready: [ready(1), ready(2)],
      },
      ['t1 claude: the only executor configured'],
      ['t2 resting:claude'],
    ],
    [
      'waits until the only executor is back',
      { executors: [local('claude', { condition: resting(noon + 3_600_000) })] },
      [],
      [`t1 resting:claude:${noon + 3_600_000}`],
    ],
    [
      'the next one gets the work when the default is resting, and it is said',
      { executors: [local('claude', { condition: resting(noon + 3_600_000) }), local('custom')] },
      ['t1 custom: the next executor here; claude cannot take this: resting until 13:00 UTC (it answers 503)'],
      [],
    ],
  ])('%s', (_name, over, assigned, waiting) => {
    const decision = decideDispatch(state(over), noon);
    expect(decision.assignments.map((one) => `${one.task.taskId} ${one.executorId}: ${one.reason}`)).toEqual(assigned);
    expect(decision.waiting.map((one) => `${one.task.taskId} ${one.key}`)).toEqual(waiting);
  });

  test('says how many are ahead', () => {
    const decision = decideDispatch(state({ ready: [ready(1), ready(2), ready(3), ready(4)] }), noon);
    expect(decision.waiting.map(waitingWords)).toEqual([expect.stringContaining('Queued: next;'), expect.stringContaining('1 ahead')]);
  });

  test('waits with a time when all of a cloud-only strategy is resting', () => {
    const executors = [
      local('claude'),
      cloud('codegen', { condition: resting(noon + 7_200_000) }),
      cloud('cursor', { condition: resting(noon + 60_000) }),
    ];
    const decision = decideDispatch(state({ policy: policy('cloud-only'), executors }), noon);
    expect(decision.assignments).toEqual([]);
    expect(decision.waiting).toMatchObject([
      { until: noon + 60_000, reason: expect.stringMatching(/^Waiting until 12:01 UTC: codegen: resting until 14:00/) },
    ]);
  });

  test('never exceeds slots, memory, caps or money, and forgets no task', () => {
    const one = fc.record({ id: fc.nat(500), spent: fc.nat(6_000_000), complexity: fc.constantFrom('low', 'medium', 'high') });
    fc.assert(
      fc.property(
        fc.uniqueArray(one, { selector: ({ id }) => id, maxLength: 40 }),
        fc.nat(8),
        fc.nat(8),
        fc.nat(60_000_000),
        fc.record({ cloud: fc.nat(4), repository: fc.integer({ min: 1, max: 12 }) }),
        fc.constantFrom('local-only', 'cloud-only', 'hybrid-smart', 'hybrid-parallel', 'cost-optimized'),
        (tasks, total, used, spent, caps, strategy) => {
          const given = state({
            policy: policy(strategy),
            executors: [local('claude'), cloud('codegen', { runs: { used: 0, cap: caps.cloud } })],
            repository: () => repository({ runs: { used: 0, cap: caps.repository } }),
            ready: tasks.map(({ id, complexity }) => ready(id, { analysis: work({ complexity }) })),
            slots: { total, used: Math.min(used, total) },
            money: money({ spent, tasks: Object.fromEntries(tasks.map((task) => [`t${task.id}`, task.spent])) }),
          });
          const { assignments, waiting } = decideDispatch(given, noon);
          const reserved = assignments.reduce((sum, { cost }) => sum + cost, 0);
          const here = assignments.filter(({ executorId }) => executorId === 'claude').length;
          expect(given.slots.used + here).toBeLessThanOrEqual(total);
          expect(assignments.length - here).toBeLessThanOrEqual(caps.cloud);
          expect(assignments.length).toBeLessThanOrEqual(caps.repository);
          if (assignments.length > 0) expect(spent + reserved).toBeLessThanOrEqual(50_000_000);
          expect(assignments.length + waiting.length).toBe(tasks.length);
          expect(decideDispatch(given, noon)).toEqual({ assignments, waiting });
        },
      ),
    );
  });
});
