import { strategies } from 'cyrus-core/config/strategies';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Affordable, type ChoiceTask, type ChoiceWorld, chooseExecutor } from '../src/choose-executor.ts';
import type { PastRuns } from '../src/estimate.ts';
import type { ExecutorFacts } from '../src/executor-facts.ts';
import { cloud, local, noon, policy, repository, task, work } from './support/facts.ts';

const ids = ['claude', 'mine', 'codegen', 'cursor'] as const;
const id = fc.constantFrom(...ids);
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of, { nil: null });
const minutes = fc.integer({ min: 1, max: 120 });

const executorArbitrary = (name: (typeof ids)[number]): fc.Arbitrary<ExecutorFacts> =>
  fc
    .record({
      state: fc.constantFrom('ready', 'ready', 'ready', 'trying', 'resting', 'parked'),
      until: maybe(fc.integer({ min: noon + 1, max: noon + 9_000_000 })),
      perRunModel: fc.boolean(),
      costPerRun: maybe(fc.integer({ min: 0, max: 4_000_000 })),
      included: fc.boolean(),
    })
    .map(({ state, until, perRunModel, ...money }) =>
      (name === 'codegen' || name === 'cursor' ? cloud : local)(name, {
        ...money,
        condition: { state, reason: 'as told', until, failure: null },
        capabilities: { perRunModel },
      }),
    );

const taskArbitrary: fc.Arbitrary<ChoiceTask> = fc
  .record({
    type: fc.constantFrom('debugger', 'builder', 'scoper', 'documentation', 'orchestrator'),
    complexity: fc.constantFrom('low', 'medium', 'high'),
    urgency: fc.constantFrom('low', 'normal', 'high'),
    requiresContext: fc.constantFrom('any', 'any', 'local-only', 'cloud-accessible'),
    requiresIsolation: fc.boolean(),
    requiresParallelExecution: fc.boolean(),
    agent: maybe(id),
    model: maybe(fc.constant('opus')),
    continuesOn: maybe(id),
    ruledOut: fc.uniqueArray(id, { maxLength: 3 }),
  })
  .map(({ agent, model, continuesOn, ruledOut, ...analysis }) =>
    task({
      analysis: work(analysis),
      agent,
      model,
      continuesOn,
      ruledOut: ruledOut.map((executorId) => ({ executorId, why: 'it failed there', until: null })),
    }),
  );

const pastArbitrary: fc.Arbitrary<PastRuns> = fc
  .record({
    executorId: id,
    complexity: fc.constantFrom('low', 'medium', 'high'),
    runs: fc.integer({ min: 1, max: 50 }),
    took: minutes,
    cost: fc.nat(3_000_000),
    bad: fc.nat(50),
  })
  .map(({ took, cost, bad, runs, ...past }) => ({
    ...past,
    runs,
    repositoryId: 'main',
    succeeded: Math.max(0, runs - bad),
    cost: { p50: cost, p90: cost * 2 },
    durationMs: { p50: took * 60_000, p90: took * 120_000 },
  }));

const worldArbitrary: fc.Arbitrary<ChoiceWorld> = fc
  .record({
    strategy: fc.constantFrom(...strategies),
    executors: fc.tuple(...ids.map(executorArbitrary)).chain((all) => fc.shuffledSubarray(all)),
    hostIsolated: fc.boolean(),
    unreachable: maybe(fc.constant('the repository has no remote')),
    past: fc.uniqueArray(pastArbitrary, { selector: ({ executorId, complexity }) => `${executorId} ${complexity}`, maxLength: 8 }),
    busy: fc.uniqueArray(id, { maxLength: 2 }),
    poor: fc.uniqueArray(id, { maxLength: 2 }),
    primary: maybe(fc.constantFrom(...ids, 'local', 'cloud', 'nobody')),
    ownExecutor: fc.boolean(),
    minReturn: fc.double({ min: 0, max: 20, noNaN: true }),
  })
  .map(({ strategy, executors, hostIsolated, unreachable, past, busy, poor, primary, ownExecutor, minReturn }) => ({
    now: noon,
    executors,
    policy: policy(strategy, primary === null ? undefined : { primary, fallback: ['claude'] }, { minReturn }),
    repository: repository({ past, unreachable, ownExecutor }),
    hostIsolated,
    room: (executor) =>
      busy.includes(executor.id as never) ? { free: false, key: executor.id, what: 'busy', ahead: 1, places: 2 } : { free: true },
    money: (executor): Affordable =>
      poor.includes(executor.id as never)
        ? { affordable: false, key: 'budget:day', why: 'used up', reason: 'Waiting.', until: null }
        : { affordable: true, cost: 1 },
  }));

test('nobody gets a task who failed at it, is out, cannot do it, has no room or cannot be paid', () => {
  fc.assert(
    fc.property(taskArbitrary, worldArbitrary, (given, around) => {
      const choice = chooseExecutor(given, around);
      if (!choice.chosen) return;
      const { executor } = choice;
      expect(given.ruledOut.map(({ executorId }) => executorId)).not.toContain(executor.id);
      expect(['ready', 'trying']).toContain(executor.condition.state);
      expect(around.room(executor)).toEqual({ free: true });
      expect(around.money(executor, choice.estimate).affordable).toBe(true);
      if (given.model) expect(executor.capabilities.perRunModel).toBe(true);
      if (given.analysis.requiresContext === 'local-only') expect(executor.kind).toBe('local');
      if (given.analysis.requiresIsolation && !around.hostIsolated) expect(executor.kind).toBe('cloud');
      if (around.repository.unreachable !== null) expect(executor.kind).toBe('local');
      expect(choice.alternatives.map((one) => one.executorId).sort()).toEqual(
        around.executors.flatMap((one) => (one.id === executor.id ? [] : [one.id])).sort(),
      );
    }),
    { numRuns: 1000 },
  );
});

test('the same question has the same answer, and no answer is without a word', () => {
  fc.assert(
    fc.property(taskArbitrary, worldArbitrary, (given, around) => {
      const choice = chooseExecutor(given, around);
      expect(chooseExecutor(given, around)).toEqual(choice);
      if (choice.chosen) expect(choice.reason).not.toBe('');
      else if (choice.queue === null) expect([choice.key, choice.reason]).not.toContain('');
    }),
    { numRuns: 300 },
  );
});

test('one that is worse in everything changes nothing', () => {
  fc.assert(
    fc.property(taskArbitrary, worldArbitrary, fc.nat(60), fc.nat(2_000_000), (given, around, slower, dearer) => {
      const choice = chooseExecutor(given, around);
      if (!choice.chosen) return;
      const { executor, estimate } = choice;
      const worse: PastRuns = {
        repositoryId: 'main',
        executorId: 'worse',
        complexity: given.analysis.complexity,
        runs: 1_000_000_000,
        succeeded: 0,
        cost: { p50: estimate.cost.p50 + dearer, p90: estimate.cost.p90 + dearer },
        durationMs: { p50: estimate.durationMs.p50 + (slower + 1) * 60_000, p90: estimate.durationMs.p90 + (slower + 1) * 60_000 },
      };
      const added: ExecutorFacts = { ...executor, id: 'worse', included: false, costPerRun: null };
      const more = {
        ...around,
        executors: [...around.executors, added],
        repository: { ...around.repository, past: [...around.repository.past, worse] },
      };
      const again = chooseExecutor(given, more);
      expect(again.chosen && again.executor.id).toBe(executor.id);
    }),
    { numRuns: 500 },
  );
});
