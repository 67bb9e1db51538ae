import type { Attempt, FailureChain, RuledOut } from 'cyrus-core/domain/plan';
import { type Failure, type FailureClass, failureRules } from 'cyrus-core/failure';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { executor, noon, attempt as row } from '../test/plan-rows.ts';
import { type AfterAttempt, type AfterAttemptState, afterAttempt } from './after-attempt.ts';
import { newChain } from './failure-chain.ts';
import type { FallbackExecutor } from './fallback.ts';

const minute = 60_000;
const hour = 60 * minute;
type End = Partial<Omit<Attempt, 'failure'>> & { readonly failure?: Failure | null };

const failure = (kind: FailureClass, more: Partial<Failure> = {}): Failure => ({ class: kind, message: `It was ${kind}.`, ...more });
const failed = (kind: FailureClass, more: Partial<Failure> = {}): End => ({ state: 'failed', failure: failure(kind, more) });
const lost: End = { state: 'lost' };
const nothing: End = { state: 'succeeded' };
const commits: End = {
  state: 'succeeded',
  evidence: { commits: [{ sha: 's', subject: 's' }], files: [], insertions: 0, deletions: 0 },
};
const times = (count: number, end: End): readonly End[] => Array.from({ length: count }, () => end);

interface Given extends Partial<Omit<AfterAttemptState, 'attempt' | 'finished'>> {
  readonly chain?: FailureChain;
  readonly ruledOut?: readonly RuledOut[];
}

function after(ends: readonly End[], given: Given = {}, now = noon): AfterAttempt {
  const attempts = ends.map((end, index) => row({ state: 'failed', ...end, id: `a${index + 1}`, number: index + 1 }));
  const last = attempts.at(-1) ?? row();
  const { state, failure: why } = last;
  return afterAttempt(
    {
      procedure: 'builder',
      followUp: false,
      attempts,
      attempt: last,
      finished: {
        ...{ attemptId: last.id, number: last.number, deliveredN: 1, failure: why, interruption: null },
        state: state as 'failed',
      },
      undelivered: 0,
      unpublished: false,
      executorId: last.executorId,
      executors: [],
      ruledOut: [],
      policy: { allow: true, preferWaiting: false },
      askedFor: false,
      critical: false,
      chain: newChain(),
      maxAttempts: 3,
      beforeExecutor: false,
      attended: true,
      random: () => 0.5,
      ...given,
    },
    now,
  );
}

const summary = (step: AfterAttempt): string => {
  if (step.do !== 'again') return step.do;
  const when = step.notBefore === null ? 'now' : `in ${(step.notBefore - noon) / 1000} s`;
  return step.ruleOut ? `elsewhere ${when}` : `again ${when}`;
};

const codegen: FallbackExecutor = executor('codegen', { kind: 'cloud' });
const two: Given = { executors: [executor('claude'), codegen] };
const resting = (until: number | null): FallbackExecutor =>
  executor('codegen', { condition: { state: until === null ? 'parked' : 'resting', reason: '', until, failure: null } });

const trying = executor('codegen', { condition: { state: 'resting', reason: '', until: null, failure: null } });

describe('the table of failures', () => {
  const inAnHour = { retryAt: noon + 2 * hour };
  test.each<[string, readonly End[], Given, string]>([
    ['network: again, soon', times(1, failed('network')), {}, 'again in 2.6 s'],
    ['network: again, later', times(3, failed('network')), {}, 'again in 10.1 s'],
    ['network, more than three times: elsewhere', times(4, failed('network')), two, 'elsewhere now'],
    ['network, and nobody else: queued', times(4, failed('network')), {}, 'again in 300 s'],
    [
      'network, and the other one rests: queued for it',
      times(4, failed('network')),
      { executors: [resting(noon + minute)] },
      'elsewhere in 60 s',
    ],
    [
      'network, and the other one is being tried: looked at again soon',
      times(4, failed('network')),
      { executors: [trying] },
      'elsewhere in 60 s',
    ],
    [
      'timeout, and the other one is out for a month: a person',
      times(1, failed('timeout')),
      { executors: [resting(noon + 30 * 24 * hour)] },
      'ask',
    ],
    ['network for hours: a person', times(10, failed('network')), {}, 'ask'],
    [
      'network of the repository’s remote: no other executor helps',
      times(4, failed('network')),
      { ...two, beforeExecutor: true },
      'again in 300 s',
    ],
    ['rate: as long as told', times(1, failed('rate_limited', { retryAt: noon + 99_000 })), two, 'again in 99 s'],
    ['rate: told nothing, more and more', times(3, failed('rate_limited')), two, 'again in 240 s'],
    ['rate: never counts', [...times(30, failed('rate_limited')), failed('network')], {}, 'again in 2.6 s'],
    ['rate, long: elsewhere', times(1, failed('rate_limited', inAnHour)), two, 'elsewhere now'],
    [
      'rate, ten minutes, critical: elsewhere',
      times(1, failed('rate_limited', { retryAt: noon + 10 * minute })),
      { ...two, critical: true },
      'elsewhere now',
    ],
    ['rate, two hours, nobody else: waits', times(1, failed('rate_limited', inAnHour)), {}, 'again in 7200 s'],
    ['quota until then: elsewhere', times(1, failed('quota_exhausted', inAnHour)), two, 'elsewhere now'],
    ['quota until then, nobody else: waits', times(1, failed('quota_exhausted', inAnHour)), {}, 'again in 7200 s'],
    [
      'quota until then, waiting preferred',
      times(1, failed('quota_exhausted', inAnHour)),
      { ...two, policy: { allow: true, preferWaiting: true } },
      'again in 7200 s',
    ],
    [
      'quota, waiting preferred, critical: elsewhere',
      times(1, failed('quota_exhausted', inAnHour)),
      { ...two, critical: true, policy: { allow: true, preferWaiting: true } },
      'elsewhere now',
    ],
    [
      'quota for a month: not waited for without asking',
      times(1, failed('quota_exhausted', { retryAt: noon + 30 * 24 * hour })),
      {},
      'ask',
    ],
    ['quota without an end: until it is mended', times(1, failed('quota_exhausted')), {}, 'mend'],
    ['auth: elsewhere', times(1, failed('auth')), two, 'elsewhere now'],
    ['auth, nobody else: until it is mended', times(1, failed('auth')), {}, 'mend'],
    ['auth, the other parked too: until it is mended', times(1, failed('auth')), { executors: [resting(null)] }, 'mend'],
    ['auth again and again: a person', times(6, failed('auth')), {}, 'ask'],
    ['auth of the repository’s remote: reported', times(1, failed('auth')), { ...two, beforeExecutor: true }, 'fail'],
    ['auth at a terminal: reported', times(1, failed('auth')), { attended: false }, 'fail'],
    ['not installed: elsewhere', times(1, failed('missing_binary')), two, 'elsewhere now'],
    ['invalid: reported', times(1, failed('invalid_request')), two, 'fail'],
    ['setup: reported', times(1, failed('setup_failed')), two, 'fail'],
    ['timeout: elsewhere', times(1, failed('timeout')), two, 'elsewhere now'],
    ['timeout, nobody else: a person', times(1, failed('timeout')), {}, 'ask'],
    ['timeout, asked for in the issue: a person', times(1, failed('timeout')), { ...two, askedFor: true }, 'ask'],
    [
      'timeout, fallback not allowed: a person',
      times(1, failed('timeout')),
      { ...two, policy: { allow: false, preferWaiting: false } },
      'ask',
    ],
    [
      'timeout, the other one failed as well: a person',
      times(1, failed('timeout')),
      { ...two, ruledOut: [{ executorId: 'codegen', why: '', until: null }] },
      'ask',
    ],
    [
      'timeout, the other one was ruled out for a time that is over',
      times(1, failed('timeout')),
      { ...two, ruledOut: [{ executorId: 'codegen', why: '', until: noon }] },
      'elsewhere now',
    ],
    ['budget: a person', times(1, failed('budget_exceeded')), two, 'ask'],
    [
      'budget: where it costs nothing more',
      times(1, failed('budget_exceeded')),
      { executors: [codegen, executor('own', { included: true })] },
      'elsewhere now',
    ],
    ['sandbox: resumes', times(2, failed('sandbox_lost')), two, 'again now'],
    ['sandbox, again: resumes a little later', times(5, failed('sandbox_lost')), two, 'again in 4 s'],
    ['sandbox, again and again: resumes much later', times(20, failed('sandbox_lost')), two, 'again in 600 s'],
    ['sandbox, without end: elsewhere', times(21, failed('sandbox_lost')), two, 'elsewhere now'],
    ['sandbox, without end, nobody else: a person', times(21, failed('sandbox_lost')), {}, 'ask'],
    ['agent: a fresh attempt', times(2, failed('agent_failed')), two, 'again now'],
    ['agent, as often as allowed: elsewhere', times(3, failed('agent_failed')), two, 'elsewhere now'],
    ['agent, as often as allowed, nobody else: a person', times(3, failed('agent_failed')), {}, 'ask'],
    ['agent, before a person decided: counts no more', times(3, failed('agent_failed')), { chain: newChain(2) }, 'again now'],
    [
      'agent, on another executor: counts there',
      [{ ...failed('agent_failed'), executorId: 'codegen' }, ...times(2, failed('agent_failed'))],
      two,
      'again now',
    ],
    ['nothing done: asked again', times(1, nothing), two, 'again now'],
    ['nothing done twice: elsewhere', times(2, nothing), two, 'elsewhere now'],
    ['nothing done twice, nobody else: a person', times(2, nothing), {}, 'ask'],
    ['no document: asked again', times(1, nothing), { procedure: 'scoper' }, 'again now'],
    ['no document twice: a person', times(2, nothing), { procedure: 'scoper' }, 'ask'],
    ['a crash: goes on', times(20, lost), two, 'again now'],
    ['crashes without end: a person', [...times(10, lost), ...times(11, failed('sandbox_lost'))], {}, 'ask'],
    ['often cut off, and then done', [...times(30, lost), commits], {}, 'verify'],
  ])('%s', (_name, ends, given, expected) => expect(summary(after(ends, given))).toBe(expected));

  test('every class has a row, and a way to its end', () => {
    for (const kind of Object.keys(failureRules) as FailureClass[]) {
      const ends = times(40, failed(kind));
      expect([kind, summary(after(ends, {}, noon + 30 * 24 * hour))]).toEqual([kind, failureRules[kind].last]);
    }
  });

  test.each(Object.keys(failureRules) as FailureClass[])('%s of which nobody knows whether it took effect: never a second run', (kind) => {
    const step = after(times(1, failed(kind, { ambiguous: true })), two);
    expect(step.do).toBe(failureRules[kind].last);
    if (step.do === 'ask') expect(step.failure.message).toContain('not known whether that run has begun');
  });
});

describe('what is said', () => {
  test.each<[string, readonly End[], Given, string | RegExp]>([
    [
      'over its quota',
      [{ ...failed('quota_exhausted', { retryAt: Date.UTC(2023, 10, 15, 14) }), executorId: 'codegen' }],
      two,
      'Codegen is over its quota until 14:00 UTC. Going on with claude.',
    ],
    [
      'timeout of a run that may go on',
      [{ ...failed('timeout', { stopped: 'unsupported' }), executorId: 'codegen' }],
      two,
      'Codegen was not done in time; its run cannot be stopped and may go on. Going on with claude.',
    ],
    ['credentials', [{ ...failed('auth'), executorId: 'codegen' }], two, 'Codegen refuses its credentials. Going on with claude.'],
    [
      'queued for another',
      times(4, failed('network')),
      { executors: [resting(Date.UTC(2023, 10, 15, 9, 30))] },
      'Claude cannot be reached. Queued: going on with codegen at 09:30 UTC.',
    ],
    ['queued', times(4, failed('network')), {}, 'It was network. Queued: trying again at 22:18 UTC.'],
    [
      'a wait of days',
      times(1, failed('quota_exhausted', { retryAt: noon + 3 * 24 * hour })),
      {},
      'It was quota_exhausted. Waiting until 2023-11-17 22:13 UTC.',
    ],
  ])('%s', (_name, ends, given, expected) => expect(after(ends, given)).toMatchObject({ do: 'again', say: expected }));
});

describe('whatever goes wrong', () => {
  const kinds = Object.keys(failureRules) as FailureClass[];
  const anyEnd = fc.oneof(
    fc.constant(lost),
    fc.constant(nothing),
    fc
      .record({ kind: fc.constantFrom(...kinds), wait: fc.option(fc.integer({ min: -1000, max: 40 * 24 * hour })) })
      .map(({ kind, wait }) => ({ kind, wait })),
  );

  test('no schedule of failures goes on for ever, and no wait is longer than a week', () => {
    fc.assert(
      fc.property(
        fc.array(anyEnd, { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (cycle, several, critical, preferWaiting) => {
          const executors = several ? [executor('claude'), codegen, executor('own', { included: true })] : [];
          const attempts: Attempt[] = [];
          let ruledOut: readonly RuledOut[] = [];
          let now = noon;
          for (let round = 0; ; round++) {
            expect(round).toBeLessThan(2_000);
            const free = ['claude', 'codegen', 'own'].find(
              (id) => !ruledOut.some((one) => one.executorId === id && (one.until ?? Number.POSITIVE_INFINITY) > now),
            );
            const executorId = several ? (free ?? 'claude') : 'claude';
            const next = cycle[round % cycle.length] ?? lost;
            const end: End = 'kind' in next ? failed(next.kind, next.wait === null ? {} : { retryAt: now + next.wait }) : next;
            attempts.push(row({ state: 'failed', ...end, id: `a${round}`, number: round + 1, executorId, createdAt: now }));
            const last = attempts.at(-1) ?? row();
            const step = afterAttempt(
              {
                ...{ procedure: 'builder', followUp: false, attempts, attempt: last, undelivered: 0, unpublished: false },
                finished: {
                  attemptId: last.id,
                  number: last.number,
                  state: last.state as 'failed',
                  deliveredN: 1,
                  failure: last.failure,
                  interruption: null,
                },
                ...{
                  executorId,
                  executors,
                  ruledOut,
                  policy: { allow: true, preferWaiting },
                  askedFor: false,
                  critical,
                  chain: newChain(),
                },
                ...{ maxAttempts: 3, beforeExecutor: false, attended: true, random: () => 0 },
              },
              now,
            );
            if (step.do !== 'again' && step.do !== 'mend') return;
            if (step.do === 'mend') continue;
            if (step.ruleOut) ruledOut = [...ruledOut.filter(({ executorId: id }) => id !== executorId), step.ruleOut];
            expect((step.notBefore ?? now) - now).toBeLessThanOrEqual(7 * 24 * hour);
            now = Math.max(now, step.notBefore ?? now) + minute;
          }
        },
      ),
      // What once went round in circles: a time to come back that is over before the next executor has failed.
      {
        numRuns: 300,
        examples: [
          [[{ kind: 'network', wait: 1 }], true, false, false],
          [[{ kind: 'auth', wait: 1 }], true, false, true],
          [[{ kind: 'quota_exhausted', wait: 20 * minute }], true, false, false],
          [[{ kind: 'rate_limited', wait: 2 * hour }], true, true, false],
        ],
      },
    );
  });

  test('a wait for a rate is never a failure: what comes after it has all its tries', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 3, maxLength: 3 }), (waits) => {
        const ends = waits.flatMap((count) => [...times(count, failed('rate_limited')), failed('network')]);
        expect(summary(after(ends))).toBe('again in 10.1 s');
      }),
    );
  });

  test('retries are spread over the whole of their time', () => {
    const at = (random: number): number => {
      const step = after(times(2, failed('network')), { random: () => random });
      return step.do === 'again' ? (step.notBefore ?? 0) - noon : -1;
    };
    expect([at(0), at(0.999)]).toEqual([100, 10_090]);
  });
});
