import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutText, storable, storableEvent } from './storable.ts';

const same = (text: string): string => text;

test('what JSON has no form for is left out, and cycles end', () => {
  const cyclic: Record<string, unknown> = { name: 'x' };
  cyclic['self'] = cyclic;
  expect(storable({ a: undefined, b: () => 1, c: [undefined, Number.NaN], d: 12n, e: null }, same)).toEqual({
    c: [null, null],
    d: '12',
    e: null,
  });
  expect(JSON.stringify(storable(cyclic, same)).length).toBeLessThan(2_000);
});

test('keys are cleaned as well as values', () => {
  expect(storable({ 'a\u0000b': 'x\u0000' }, (text) => text.replace('b', 'B'))).toEqual({ 'a\ufffdB': 'x\ufffd' });
});

test('a cut text fits, is well formed, and says what is gone', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.integer({ min: 40, max: 300 }), (text, bytes) => {
      const cut = cutText(text, bytes);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytes);
      if (Buffer.byteLength(text) <= bytes) expect(cut).toBe(text);
      else expect(cut).toContain('bytes cut');
    }),
  );
});

test('an event that is still too large is replaced by its beginning', () => {
  const event = storableEvent({ type: 'tool-use', input: Array.from({ length: 90 }, () => 'y'.repeat(1_000)) }, same);
  expect(event).toMatchObject({ type: 'tool-use', truncated: true });
  expect(JSON.stringify(event).length).toBeLessThan(20_000);
});
