import { manualClock } from 'cyrus-core/clock';
import { expect, test } from 'vitest';
import type { Check, Patient } from './check.ts';
import { ok } from './finding.ts';
import { runChecks } from './run-checks.ts';

test('what breaks or hangs is a finding of its own, and the others are told in their order', async () => {
  const clock = manualClock();
  const checks: readonly Check[] = [
    { name: 'hangs', run: () => new Promise(() => undefined) },
    { name: 'breaks', run: () => Promise.reject(new Error('on purpose')) },
    {
      name: 'throws',
      run: () => {
        throw new Error('at once');
      },
    },
    { name: 'works', run: () => [ok('works', 'well')] },
  ];
  const found: unknown[] = [];
  const reading = (async () => {
    for await (const { name, state, detail } of runChecks(checks, {} as Patient, { withinMs: 5_000, clock }))
      found.push([name, state, detail]);
  })();
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(5_000);
  await reading;
  expect(found).toEqual([
    ['hangs', 'warning', 'no result within 5 s'],
    ['breaks', 'error', 'on purpose'],
    ['throws', 'error', 'at once'],
    ['works', 'ok', 'well'],
  ]);
});
