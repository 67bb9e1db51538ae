import { expect, test } from 'vitest';
import { runState, statusState, verdict } from './checks.ts';
import type { CheckState } from './code-host.ts';

const items = (...states: CheckState[]) => states.map((state, index) => ({ name: `${index}`, state }));

test.each([
  ['nothing reports', items(), 'none'],
  ['all passed', items('success', 'success'), 'success'],
  ['one is pending', items('success', 'pending'), 'pending'],
  ['one failed, whatever the others do', items('pending', 'failure', 'success'), 'failure'],
] as const)('%s', (_name, given, expected) => expect(verdict(given)).toBe(expected));

test.each([
  ['queued', null, 'pending'],
  ['in_progress', null, 'pending'],
  ['waiting', null, 'pending'],
  ['completed', null, 'pending'],
  ['completed', 'success', 'success'],
  ['completed', 'neutral', 'success'],
  ['completed', 'skipped', 'success'],
  ['completed', 'failure', 'failure'],
  ['completed', 'cancelled', 'failure'],
  ['completed', 'timed_out', 'failure'],
  ['completed', 'action_required', 'failure'],
  ['completed', 'something new', 'failure'],
] as const)('a run that is %s with %s is %s', (status, conclusion, expected) => expect(runState(status, conclusion)).toBe(expected));

test.each([
  ['success', 'success'],
  ['pending', 'pending'],
  ['error', 'failure'],
  ['failure', 'failure'],
] as const)('a status %s is %s', (state, expected) => expect(statusState(state)).toBe(expected));
