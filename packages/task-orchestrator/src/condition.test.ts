import { type Failure, type FailureClass, failureRules } from 'cyrus-core/failure';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { noon } from '../test/plan-rows.ts';
import {
  type ConditionChange,
  type ConditionRecord,
  decideCondition,
  type ExecutorNews,
  opensAfter,
  probeAt,
  wellCondition,
} from './condition.ts';

const failed = (kind: FailureClass, more: Partial<Failure> = {}): ExecutorNews => ({
  news: 'failed',
  failure: { class: kind, message: 'm', fix: 'Mend it.', ...more },
});
const worked: ExecutorNews = { news: 'worked' };
const nothing: ExecutorNews = { news: 'nothing' };

/** What becomes of it when attempts end like this, one a second; `trial`: each is the run that finds out. */
function after(
  news: readonly ExecutorNews[],
  before = wellCondition('codegen'),
  trial = false,
): ConditionChange & { readonly events: readonly string[] } {
  const events: string[] = [];
  let record = before;
  let event: ConditionChange['event'] = null;
  for (const [index, one] of news.entries()) {
    const attempt = `a${index}`;
    const at = trial ? { ...record, trial: attempt } : record;
    ({ record, event } = decideCondition(at, attempt, one, noon + index * 1000, `i${index}`));
    if (event) events.push(event.type);
  }
  return { record, event, events };
}
const times = (count: number, news: ExecutorNews): readonly ExecutorNews[] => Array.from({ length: count }, () => news);

describe('an executor’s circuit', () => {
  test.each<[string, readonly ExecutorNews[], Partial<ConditionRecord>, readonly string[]]>([
    ['stays closed on a few failures', times(opensAfter - 1, failed('network')), { state: 'ready', failures: 3 }, []],
    [
      'opens on failures in a row',
      times(opensAfter, failed('network')),
      { state: 'resting', until: noon + 33_000, reason: 'Codegen cannot be reached' },
      ['executor.out'],
    ],
    [
      'rests longer each time',
      times(opensAfter + 2, failed('timeout')),
      { state: 'resting', until: noon + 5_000 + 120_000 },
      ['executor.out'],
    ],
    [
      'counts only failures in a row',
      [...times(3, failed('network')), worked, ...times(3, failed('network'))],
      { state: 'ready', failures: 3 },
      [],
    ],
    [
      'closes when a run works',
      [...times(5, failed('network')), worked],
      { state: 'ready', failures: 0, until: null },
      ['executor.out', 'executor.back'],
    ],
    [
      'is parked at once on a wrong login, until somebody mends it',
      times(2, failed('auth')),
      { state: 'parked', until: null, reason: 'Codegen refuses its credentials' },
      ['executor.out'],
    ],
    [
      'is parked until its quota is back',
      [failed('quota_exhausted', { retryAt: noon + 7_200_000 })],
      { state: 'parked', until: noon + 7_200_000, reason: 'Codegen is over its quota until 00:13 UTC' },
      ['executor.out'],
    ],
    [
      'is parked for an hour when nobody says when a quota is back',
      [failed('quota_exhausted')],
      { state: 'parked', until: noon + 3_600_000 },
      ['executor.out'],
    ],
    [
      'rests on a rate limit, which is no failure and no incident',
      times(9, failed('rate_limited', { retryAt: noon + 90_000 })),
      { state: 'resting', failures: 0, until: noon + 90_000 },
      [],
    ],
    [
      'never mind what is the task’s',
      [failed('agent_failed'), failed('invalid_request'), failed('budget_exceeded'), nothing],
      { state: 'ready', failures: 0 },
      [],
    ],
    [
      'of an executor that is parked is not opened by an old run that ends well',
      [failed('auth'), worked],
      { state: 'parked' },
      ['executor.out'],
    ],
    [
      'of a parked executor keeps its reason when an old run fails otherwise',
      [failed('auth'), ...times(4, failed('network')), failed('rate_limited')],
      { state: 'parked', reason: 'Codegen refuses its credentials' },
      ['executor.out'],
    ],
  ])('%s', (_name, news, record, events) => {
    const end = after(news);
    expect(end.record).toMatchObject(record);
    expect(end.events).toEqual(events);
  });

  const out = after([failed('auth')]).record;
  const open = after(times(opensAfter, failed('network'))).record;
  test('a run that finds out that it works closes the incident', () => {
    const end = after([worked], out, true);
    expect(end.record).toEqual(wellCondition('codegen'));
    expect(end.event).toEqual({ type: 'executor.back', payload: { executorId: 'codegen', incident: 'i0' } });
  });
  test('a run that finds out that it does not work opens it again, without another alert', () => {
    expect(after([failed('network')], open, true)).toMatchObject({
      event: null,
      record: { state: 'resting', failures: 5, trial: null, incident: 'i3', until: noon + 60_000 },
    });
    expect(after([failed('auth')], out, true)).toMatchObject({
      event: null,
      record: { state: 'parked', failures: 2, trial: null, incident: 'i0' },
    });
  });
  test('a run that finds out nothing leaves it to the next one', () => {
    expect(after([nothing], open, true).record).toEqual(open);
    expect(after([failed('agent_failed')], open, true).record).toEqual(open);
  });
  test('of another run does not end the trial', () => {
    const trying = { ...open, trial: 'other' };
    expect(after([failed('network')], trying).record.trial).toBe('other');
    expect(after([nothing], trying).record).toBe(trying);
  });
  test('is asked for its health at once, and ever more rarely', () => {
    expect([1, 2, 3, 9, 40].map((failures) => probeAt({ failures }, 0) / 1000)).toEqual([30, 60, 120, 300, 300]);
  });

  test('whatever ends how: each incident is told of once and closed by what works; a rest is never longer than told or five minutes', () => {
    const kinds = (Object.keys(failureRules) as FailureClass[]).map((kind) => failed(kind));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(worked, nothing, ...kinds), fc.boolean()), { maxLength: 60 }), (ends) => {
        let record = wellCondition('codegen');
        let open = false;
        for (const [index, [news, trial]] of ends.entries()) {
          const attempt = `a${index}`;
          const change = decideCondition(trial ? { ...record, trial: attempt } : record, attempt, news, noon, `i${index}`);
          record = change.record;
          if (change.event) {
            expect(change.event.type).toBe(open ? 'executor.back' : 'executor.out');
            open = !open;
          }
          expect(record.incident !== null).toBe(open);
          if (record.state === 'resting') expect((record.until ?? Number.POSITIVE_INFINITY) - noon).toBeLessThanOrEqual(5 * 60_000);
          if (record.state === 'ready') expect([record.until, record.incident]).toEqual([null, null]);
        }
      }),
    );
  });
});
