import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bodyLimit, cleanBody, cleanTitle, markedBody, markedId, marker, titleLimit } from './text.ts';

const family = '👩‍👩‍👧‍👦';

describe('titles', () => {
  test.each([
    ['Fix\u0000 the\u001b[31m bug\u0007', 'Fix the[31m bug'],
    ['  two\r\nlines\tand  spaces ', 'two lines and spaces'],
    ['إصلاح الخطأ ‏في العنوان', 'إصلاح الخطأ ‏في العنوان'],
    [`ship ${family} \u{1f3f4}\u{e0067}\u{e0062}\u{e007f}`, `ship ${family} \u{1f3f4}\u{e0067}\u{e0062}\u{e007f}`],
    ['safe\u202etxt.exe', 'safetxt.exe'],
    ['if \u2067admin\u2066 // check', 'if admin // check'],
    ['half \ud83d', 'half \ufffd'],
    ['$(rm -rf /) `id` "; --', '$(rm -rf /) `id` "; --'],
    ['\u0000\u0001 ', 'Untitled'],
  ])('%j becomes %j', (given, expected) => expect(cleanTitle(given)).toBe(expected));

  test('a cut never goes through an emoji', () => {
    const cut = cleanTitle(`${'x'.repeat(titleLimit - 6)}${family}${family}`);
    expect(cut).toBe(`${'x'.repeat(titleLimit - 6)}…`);
  });
});

describe('bodies', () => {
  test('keep their lines, lose control characters and say where they were cut', () => {
    expect(cleanBody('a\r\n\tb\u0000\n')).toBe('a\n\tb\n');
    const cut = cleanBody('é'.repeat(1_000_000));
    expect(cut).toHaveLength(bodyLimit);
    expect(cut).toMatch(/… \(cut: longer than GitHub takes\)$/);
  });

  test('a letter with no end of marks is cut all the same', () => {
    const zalgo = `a${'\u0301'.repeat(200_000)}`;
    expect(cleanBody(zalgo).length).toBeGreaterThan(bodyLimit - 200);
  });

  test('bear their marker however long they are, and no marker but their own', () => {
    const body = markedBody(`${'x'.repeat(2 * bodyLimit)}`, 'plan', 'p-1');
    expect(body).toHaveLength(bodyLimit);
    expect(markedId(body, 'plan')).toBe('p-1');
    const forged = markedBody(`see ${marker('plan', 'other')} <!--CYRUS:plan:third -->`, 'comment', 'c.1:2');
    expect([markedId(forged, 'plan'), markedId(forged, 'comment')]).toEqual([undefined, 'c.1:2']);
    expect(() => marker('plan', 'a --> <script>')).toThrow(RangeError);
    expect(markedId(null, 'plan')).toBeUndefined();
  });

  test('any text becomes one that fits, is well formed and stays as it is when cleaned again', () => {
    const text = fc.string({ unit: 'binary', maxLength: 400 });
    fc.assert(
      fc.property(text, fc.integer({ min: 60, max: 300 }), (given, limit) => {
        const once = cleanBody(given, limit);
        expect(once.length).toBeLessThanOrEqual(limit);
        expect(once.isWellFormed()).toBe(true);
        expect(cleanBody(once, limit)).toBe(once);
        const title = cleanTitle(given);
        expect(title.length).toBeLessThanOrEqual(titleLimit);
        expect(cleanTitle(title)).toBe(title);
      }),
    );
  });
});
