import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCalendar } from './calendar.ts';

const hours = (period: { start: number; end: number }): number => (period.end - period.start) / 3_600_000;
const at = (iso: string): number => Date.parse(iso);

test.each([
  ['an ordinary day', 'Europe/Berlin', '2026-11-21T12:00:00Z', '2026-11-21', '2026-11-20T23:00:00Z', 24],
  ['just before midnight, local time', 'Europe/Berlin', '2026-11-21T22:59:59.999Z', '2026-11-21', '2026-11-20T23:00:00Z', 24],
  ['midnight itself is the new day', 'Europe/Berlin', '2026-11-21T23:00:00Z', '2026-11-22', '2026-11-21T23:00:00Z', 24],
  ['clocks go forward: 23 hours', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-29', '2026-03-28T23:00:00Z', 23],
  ['clocks go back: 25 hours', 'Europe/Berlin', '2026-10-25T12:00:00Z', '2026-10-25', '2026-10-24T22:00:00Z', 25],
  ['a day without a midnight', 'Africa/Cairo', '2026-04-24T12:00:00Z', '2026-04-24', '2026-04-23T22:00:00Z', 23],
  ['half an hour off', 'Asia/Kolkata', '2026-11-21T18:30:00Z', '2026-11-22', '2026-11-21T18:30:00Z', 24],
  ['far in the east', 'Pacific/Kiritimati', '2026-11-21T10:00:00Z', '2026-11-22', '2026-11-21T10:00:00Z', 24],
  ['far in the west', 'Pacific/Pago_Pago', '2026-11-21T10:59:00Z', '2026-11-20', '2026-11-20T11:00:00Z', 24],
])('day: %s', (_name, zone, now, key, start, length) => {
  const day = createCalendar(zone).day(at(now));
  expect({ key: day.key, start: new Date(day.start).toISOString(), hours: hours(day) }).toEqual({
    key,
    start: new Date(at(start)).toISOString(),
    hours: length,
  });
});

test.each([
  [
    'November in New York holds the change of clocks',
    'America/New_York',
    '2026-11-21T12:00:00Z',
    '2026-11',
    '2026-11-01T04:00:00Z',
    '2026-12-01T05:00:00Z',
  ],
  ['the last hour of a year', 'Europe/Berlin', '2026-12-31T23:30:00Z', '2027-01', '2026-12-31T23:00:00Z', '2027-01-31T23:00:00Z'],
  ['December ends with the year', 'UTC', '2026-12-31T23:30:00Z', '2026-12', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
])('month: %s', (_name, zone, now, key, start, end) => {
  expect(createCalendar(zone).month(at(now))).toEqual({ key, start: at(start), end: at(end) });
});

test('days and months follow each other without gap and overlap, in every zone', () => {
  const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Africa/Cairo', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Chatham'];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: at('2020-01-01T00:00:00Z'), max: at('2035-01-01T00:00:00Z') }),
      (zone, now) => {
        const calendar = createCalendar(zone);
        for (const kind of ['day', 'month'] as const) {
          const period = calendar[kind](now);
          expect(now).toBeGreaterThanOrEqual(period.start);
          expect(now).toBeLessThan(period.end);
          expect(calendar[kind](period.start)).toEqual(period);
          expect(calendar[kind](period.end - 1)).toEqual(period);
          expect(calendar[kind](period.end).start).toBe(period.end);
          expect(calendar[kind](period.end).key > period.key).toBe(true);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('a zone that does not exist is refused', () => {
  expect(() => createCalendar('Europe/Atlantis')).toThrow(RangeError);
});
