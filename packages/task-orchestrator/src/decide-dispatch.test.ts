import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DispatchState, decideDispatch, type ReadyTask } from './decide-dispatch.ts';

const noon = 1_700_000_000_000;
const ready = (id: number, over: Partial<ReadyTask> = {}): ReadyTask => ({
  taskId: `t${id}`,
  planId: `p${id}`,
  issueId: `i${id}`,
  repositoryId: 'main',
  number: 1,
  readySince: noon + id,
  notBefore: null,
  agent: null,
  spent: 0,
  waitingKey: null,
  ...over,
});
const state = (over: Partial<DispatchState> = {}): DispatchState => ({
  ready: [ready(1)],
  executors: [
    { id: 'claude', kind: 'local' },
    { id: 'custom', kind: 'local' },
  ],
  defaultExecutor: 'claude',
  slots: { total: 2, used: 0 },
  memoryMb: { total: 4000, used: 0 },
  memoryPerAttemptMb: 400,
  day: { spent: 0, reserved: 0, limit: 50_000_000, endsAt: noon + 1000 },
  maxCostPerTask: 5_000_000,
  draining: false,
  ...over,
});

describe('decideDispatch', () => {
  test.each<[string, Partial<DispatchState>, string[], string[]]>([
    ['gives the default executor', {}, ['t1 claude: the default executor'], []],
    ['gives the executor asked for', { ready: [ready(1, { agent: 'custom' })] }, ['t1 custom: asked for in the issue'], []],
    [
      'says when the executor asked for is unknown',
      { ready: [ready(1, { agent: 'x' })] },
      ['t1 claude: [agent=x] is not configured; the default is used'],
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
    ['stops at the limit of the task', { ready: [ready(1, { spent: 5_000_000 })] }, [], ['t1 task-budget']],
    [
      'counts reservations against the day',
      { day: { spent: 40_000_000, reserved: 6_000_000, limit: 50_000_000, endsAt: noon } },
      [],
      ['t1 day-budget'],
    ],
    ['a limit of nothing lets nothing start', { day: { spent: 0, reserved: 0, limit: 0, endsAt: noon } }, [], ['t1 day-budget']],
    [
      'no limit is no limit',
      { day: { spent: 9e9, reserved: 0, limit: null, endsAt: noon }, maxCostPerTask: null },
      ['t1 claude: the default executor'],
      [],
    ],
  ])('%s', (_name, over, assigned, waiting) => {
    const decision = decideDispatch(state(over), noon);
    expect(decision.assignments.map((one) => `${one.task.taskId} ${one.executorId}: ${one.reason}`)).toEqual(assigned);
    expect(decision.waiting.map((one) => `${one.task.taskId} ${one.key}`)).toEqual(waiting);
  });

  test('says how many are ahead', () => {
    const decision = decideDispatch(state({ ready: [ready(1), ready(2), ready(3), ready(4)] }), noon);
    expect(decision.waiting.map((one) => one.reason)).toEqual([expect.stringContaining('0 ahead'), expect.stringContaining('1 ahead')]);
  });

  test('never exceeds slots, memory or money, and forgets no task', () => {
    const task = fc.record({ id: fc.nat(500), spent: fc.nat(6_000_000) });
    fc.assert(
      fc.property(
        fc.uniqueArray(task, { selector: (one) => one.id, maxLength: 40 }),
        fc.nat(8),
        fc.nat(8),
        fc.nat(60_000_000),
        (tasks, total, used, spent) => {
          const given = state({
            ready: tasks.map((one) => ready(one.id, { spent: one.spent })),
            slots: { total, used: Math.min(used, total) },
            day: { spent, reserved: 0, limit: 50_000_000, endsAt: noon },
          });
          const { assignments, waiting } = decideDispatch(given, noon);
          const reserved = assignments.reduce((sum, one) => sum + one.cost, 0);
          expect(given.slots.used + assignments.length).toBeLessThanOrEqual(Math.max(total, given.slots.used));
          if (assignments.length > 0) expect(spent + reserved).toBeLessThanOrEqual(50_000_000);
          expect(assignments.length + waiting.length).toBe(tasks.length);
          expect(decideDispatch(given, noon)).toEqual({ assignments, waiting });
        },
      ),
    );
  });
});
