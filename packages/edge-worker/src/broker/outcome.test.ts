import { expect, test } from 'vitest';
import { outcomeOfFailure } from './outcome.ts';

test.each([
  ['network', 'retry'],
  ['auth', 'retry'],
  ['sandbox_lost', 'retry'],
  ['conflict', 'rejected'],
  ['invalid_request', 'rejected'],
] as const)('a write that met %s: %s', (kind, expected) =>
  expect(outcomeOfFailure({ class: kind, message: 'm' }, 'app').state).toBe(expected),
);
