import type { Instant } from './clock.ts';

/** A day or a month of people: half-open, `start` ≤ t < `end`. */
export interface Period {
  /** `2026-11-21`, or `2026-11` for a month; keys of one kind sort as the time goes. */
  readonly key: string;
  readonly start: Instant;
  readonly end: Instant;
}

/** Days and months as people of one time zone count them, also where clocks are changed. */
export interface Calendar {
  readonly timeZone: string;
  day(at: Instant): Period;
  month(at: Instant): Period;
}

const hourMs = 3_600_000;

/** The zone this machine is set to. */
export function machineTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** @throws RangeError when there is no such time zone */
export function createCalendar(timeZone: string): Calendar {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  });
  const starts = new Map<string, Instant>();

  function dateOf(at: Instant): string {
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
    for (const { type, value } of format.formatToParts(at)) parts[type] = value;
    return `${parts.year?.padStart(4, '0')}-${parts.month}-${parts.day}`;
  }

  /** The first instant of a date. Midnight may not exist there, and a day has 23 to 25 hours: only what the clock shows counts. */
  function startOf(date: string): Instant {
    const known = starts.get(date);
    if (known !== undefined) return known;
    const utc = Date.parse(`${date}T00:00:00Z`);
    let before = utc - 26 * hourMs;
    let from = utc + 26 * hourMs;
    while (from - before > 1) {
      const middle = Math.floor((before + from) / 2);
      if (dateOf(middle) < date) before = middle;
      else from = middle;
    }
    if (starts.size > 1_000) starts.clear();
    starts.set(date, from);
    return from;
  }

  return {
    timeZone,
    day: latest((at) => {
      const key = dateOf(at);
      return { key, start: startOf(key), end: startOf(plusDay(key)) };
    }),
    month: latest((at) => {
      const key = dateOf(at).slice(0, 7);
      return { key, start: startOf(`${key}-01`), end: startOf(nextMonth(key)) };
    }),
  };
}

/** Asked again and again for the period that is now: that is looked up once, which takes a thousand times as long as to compare. */
function latest(find: (at: Instant) => Period): (at: Instant) => Period {
  let known: Period | undefined;
  return (at) => {
    if (!known || at < known.start || at >= known.end) known = find(at);
    return known;
  };
}

function plusDay(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + 24 * hourMs).toISOString().slice(0, 10);
}

function nextMonth(month: string): string {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return number === 12 ? `${year + 1}-01-01` : `${year}-${String(number + 1).padStart(2, '0')}-01`;
}
