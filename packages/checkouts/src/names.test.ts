import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { componentOf, isRefName } from './names.ts';

describe('componentOf', () => {
  test.each(['repo', 'My.Repo_1', '8f14e45f-ceea-467a-9575-0a1b2c3d4e5f'])('%j stays', (name) => expect(componentOf(name)).toBe(name));

  test.each(['', '.', '..', '../x', 'a/b', '.git', 'a..b', 'x.lock', '-x', 'x.', 'a b', 'ä', 'x'.repeat(200)])('%j is cleaned', (name) => {
    expect(componentOf(name)).toMatch(/^[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*-[0-9a-f]{12}$/);
  });

  test('different names stay different, each one path and one ref component', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(componentOf(a)).not.toContain('/');
        expect(isRefName(componentOf(a))).toBe(true);
        expect(componentOf(a) === componentOf(b)).toBe(a === b);
      }),
    );
  });
});
