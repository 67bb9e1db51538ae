import type { OpenRun } from 'cyrus-store/queries/runs-open';
import { expect, test } from 'vitest';
import { unattendedRuns } from './unattended-runs.ts';

const run: OpenRun = { attemptId: 'a', identifier: 'ENG-1', number: 2, executorId: 'sky', url: 'https://sky/r7', stop: null };
const look = (over: Partial<OpenRun>, configured: readonly string[] = ['sky']) =>
  unattendedRuns([{ ...run, ...over }], new Set(configured));

test.each<[string, Partial<OpenRun>, readonly string[], string | null]>([
  ['that is waited for is in good hands', {}, ['sky'], null],
  ['whose stop is confirmed is over', { stop: 'confirmed' }, ['sky'], null],
  [
    'whose executor was taken away is not',
    {},
    ['claude'],
    'attempt 2 of ENG-1 may go on at sky: sky is not in the configuration; see https://sky/r7',
  ],
  [
    'that was asked to stop may go on',
    { stop: 'requested' },
    ['sky'],
    'attempt 2 of ENG-1 may go on at sky: it was asked to stop and has not confirmed that; see https://sky/r7',
  ],
  [
    'of which nobody knows the address is named all the same',
    { stop: 'unknown', url: null },
    [],
    'attempt 2 of ENG-1 may go on at sky: sky is not in the configuration, and it could not be asked to stop',
  ],
])('a run %s', (_what, over, configured, detail) => {
  expect(look(over, configured).map((found) => found.detail)).toEqual(detail === null ? [] : [detail]);
});

test('what to do is said: put the executor back, or look there', () => {
  expect(look({ stop: 'requested' })[0]?.fix).toBe('Look there, and stop it if it is at work.');
  expect(look({}, [])[0]?.fix).toMatch(/^Put sky back and restart/);
});
