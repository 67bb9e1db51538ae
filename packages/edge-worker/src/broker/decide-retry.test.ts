import type { Failure } from 'cyrus-core/failure';
import { expect, test } from 'vitest';
import { decideRetry } from './decide-retry.ts';

const failure = (kind: Failure['class'], retryAt?: number): Failure => ({
  class: kind,
  message: 'no',
  ...(retryAt === undefined ? {} : { retryAt }),
});

test.each([
  ['a network failure backs off with full jitter', failure('network'), 1, 0.5, { delayMs: 125, pauses: 'lane' }],
  ['each further one doubles the ceiling', failure('network'), 4, 0.5, { delayMs: 1000, pauses: 'lane' }],
  ['up to a ceiling', failure('network'), 400, 0.5, { delayMs: 7500, pauses: 'lane' }],
  ['a time given by the provider is kept', failure('network', 5_000), 1, 0.5, { delayMs: 4_000, pauses: 'lane' }],
  [
    'a rate limit waits for its reset, and all of the credential with it',
    failure('rate_limited', 61_000),
    1,
    0.4,
    { delayMs: 60_100, pauses: 'credential' },
  ],
  ['a reset in the past is now', failure('rate_limited', 10), 1, 0, { delayMs: 0, pauses: 'credential' }],
  ['a rate limit without a reset waits about half a minute', failure('rate_limited'), 1, 0.5, { delayMs: 30_125, pauses: 'credential' }],
  ['a refused login is tried again soon: it may be one in passing', failure('auth'), 1, 0.5, { delayMs: 4_000, pauses: 'credential' }],
  ['one that stays refused is tried every minute', failure('auth'), 9, 0.5, { delayMs: 60_000, pauses: 'credential' }],
] as const)('%s', (_name, given, attempts, random, expected) => {
  expect(decideRetry(given, attempts, 1_000, random)).toEqual(expected);
});
