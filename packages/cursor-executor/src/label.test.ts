import { expect, test } from 'vitest';
import { agentIdOf, type Label, labelStart, labelText, readLabel } from './label.ts';

test.each<Label>([
  { key: { attemptId: '0b0e3c52-5a3b-4c0e-9d3e-0f6f4a0c7a11', number: 3 }, timeoutMs: 3_600_000, model: 'composer-2.5' },
  { key: { attemptId: 'a.b, c', number: 1 }, timeoutMs: 1500 },
])('a label is read as it was written: %o', (label) => {
  expect(readLabel(labelText(label))).toEqual(label);
  expect(labelText(label).startsWith(labelStart(label.key))).toBe(true);
});

test('another name is no label, and one number is not the beginning of another', () => {
  expect(readLabel('Add a README')).toBeUndefined();
  expect(readLabel(undefined)).toBeUndefined();
  expect(labelText({ key: { attemptId: 'a', number: 12 }, timeoutMs: 1 }).startsWith(labelStart({ attemptId: 'a', number: 1 }))).toBe(
    false,
  );
});

test('every attempt has one agent', () => {
  expect(agentIdOf({ attemptId: 'a', number: 1 })).toMatch(/^bc-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  expect(agentIdOf({ attemptId: 'a', number: 1 })).toBe(agentIdOf({ attemptId: 'a', number: 1 }));
  expect(agentIdOf({ attemptId: 'a', number: 1 })).not.toBe(agentIdOf({ attemptId: 'a', number: 2 }));
});
