import type { Instant } from 'cyrus-core/clock';

/** One of Linear's limits as its last answer told it. */
export interface Allowance {
  readonly limit: number;
  readonly remaining: number;
  readonly resetAt: Instant;
}

/** What is left to one credential; each part absent until an answer has told it. */
export interface Rate {
  readonly requests?: Allowance;
  readonly complexity?: Allowance;
  /** Of the endpoint last called. */
  readonly endpoint?: Allowance;
}

/** How to go on: at full speed, with a gap between calls, or not before a time. */
export type Pace =
  | { readonly pace: 'free' }
  | { readonly pace: 'spread'; readonly gapMs: number }
  | { readonly pace: 'stop'; readonly until: Instant };

const names = { requests: 'x-ratelimit-requests', complexity: 'x-ratelimit-complexity', endpoint: 'x-ratelimit-endpoint' } as const;
type Kind = keyof typeof names;
const kinds = Object.keys(names) as Kind[];

/** Below this part of a limit, calls are spread over the time that is left. */
const spreadBelow = 0.1;
/** What a call of ours costs at most on average; reading an issue is the dearest. */
const pointsPerCall = 100;
const maxWaitMs = 65 * 60_000;
const defaultWaitMs = 60_000;

/** The last known rate with an answer's headers over it. Pure. `now`: when the answer came. */
export function rateAfter(rate: Rate, headers: Headers, now: Instant): Rate {
  const ahead = aheadOf(headers, now);
  const seen = kinds.flatMap((kind): [Kind, Allowance][] => {
    const limit = count(headers.get(`${names[kind]}-limit`));
    const remaining = count(headers.get(`${names[kind]}-remaining`));
    const resetAt = instant(headers.get(`${names[kind]}-reset`), ahead);
    return limit === undefined || remaining === undefined || resetAt === undefined ? [] : [[kind, { limit, remaining, resetAt }]];
  });
  return seen.length === 0 ? rate : { ...rate, ...Object.fromEntries(seen) };
}

/** How fast to go on. Pure; the tightest of the limits decides. The endpoint's is left out: it is another for each document. */
export function paceOf(rate: Rate, now: Instant): Pace {
  const open = [
    { allowance: rate.requests, perCall: 1 },
    { allowance: rate.complexity, perCall: pointsPerCall },
  ].flatMap(({ allowance, perCall }) => (allowance && allowance.resetAt > now ? [{ ...allowance, perCall }] : []));
  const spent = open.filter(({ remaining, perCall }) => remaining < perCall).map(({ resetAt }) => resetAt);
  if (spent.length > 0) return { pace: 'stop', until: Math.min(Math.max(...spent), now + maxWaitMs) };
  const gaps = open
    .filter(({ limit, remaining }) => remaining < limit * spreadBelow)
    .map(({ remaining, resetAt, perCall }) => (resetAt - now) / (remaining / perCall));
  return gaps.length === 0 ? { pace: 'free' } : { pace: 'spread', gapMs: Math.min(Math.ceil(Math.max(...gaps)), defaultWaitMs) };
}

/** When a call that was refused for its rate may be tried again: `Retry-After`, else the reset of what is spent, else in a minute. */
export function retryAfter(headers: Headers, now: Instant): Instant {
  const told = retryHeader(headers, now) ?? resetOfSpent(headers, aheadOf(headers, now)) ?? now + defaultWaitMs;
  return Math.min(Math.max(told, now + 1000), now + maxWaitMs);
}

function retryHeader(headers: Headers, now: Instant): Instant | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const seconds = count(value);
  if (seconds !== undefined) return now + seconds * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : date + aheadOf(headers, now);
}

function resetOfSpent(headers: Headers, ahead: number): Instant | undefined {
  const all = kinds.flatMap((kind) => {
    const resetAt = instant(headers.get(`${names[kind]}-reset`), ahead);
    return resetAt === undefined ? [] : [{ resetAt, remaining: count(headers.get(`${names[kind]}-remaining`)) ?? 0 }];
  });
  const spent = all.filter(({ remaining }) => remaining <= 0);
  return spent.length > 0 ? Math.max(...spent.map(({ resetAt }) => resetAt)) : all[0]?.resetAt;
}

function count(value: string | null): number | undefined {
  return value !== null && /^\d{1,15}(?:\.\d+)?$/.test(value.trim()) ? Number(value) : undefined;
}

/** By how much our clock is ahead of Linear's, by the answer's own date: times it tells are by its clock. Small differences are delay. */
function aheadOf(headers: Headers, now: Instant): number {
  const ahead = now - Date.parse(headers.get('date') ?? '');
  return Math.abs(ahead) > 10_000 ? ahead : 0;
}

/** Linear tells resets in milliseconds since the epoch; a number too small for that is taken as seconds. By our clock. */
function instant(value: string | null, ahead: number): Instant | undefined {
  const number = count(value);
  if (number === undefined) return undefined;
  return (number < 100_000_000_000 ? number * 1000 : number) + ahead;
}
