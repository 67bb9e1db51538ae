import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collapsible, cutBody, escapeMarkdown, fenced, inlineCode, maxBodyLength } from './text.ts';

describe('cutBody', () => {
  test('short text stays; long text keeps start and end and says how much is missing', () => {
    expect(cutBody('short')).toBe('short');
    const cut = cutBody(`start${'x'.repeat(100_000)}end`);
    expect(cut.length).toBeLessThanOrEqual(maxBodyLength);
    expect(cut).toMatch(/^startx+\n\n… 40,\d{3} characters left out …\n\nx+end$/);
  });

  test('never longer than allowed, never half a character', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', '😀', 'ש', '\n'), { maxLength: 400 }), fc.integer({ min: 1, max: 300 }), (parts, max) => {
        const cut = cutBody(parts.join(''), max);
        return cut.length <= max && cut.isWellFormed();
      }),
    );
  });
});

test.each([
  ['formatting', '**bold** _x_ `code` ~~no~~', '\\*\\*bold\\*\\* \\_x\\_ \\`code\\` \\~\\~no\\~\\~'],
  ['links and images', '![x](https://evil.test)', '\\!\\[x\\]\\(https\\://evil.test\\)'],
  ['mentions', '@ada see https://linear.app/acme/profiles/ada', '\\@ada see https\\://linear.app/acme/profiles/ada'],
  ['blocks', '# head\n- item\n1. one\n+++ more', '\\# head \\- item 1. one \\+\\+\\+ more'],
  ['a number at the start', '1. one', '1\\. one'],
  ['HTML', '<img src=x>&lt;', '\\<img src\\=x\\>\\&lt;'],
  ['plain words of any script', 'Ошибка שלום 修正 👋', 'Ошибка שלום 修正 👋'],
])('escapeMarkdown: %s', (_name, text, expected) => {
  expect(escapeMarkdown(text)).toBe(expected);
});

test('every special character of an escaped text has a backslash of its own', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      (text) => !/(?<!\\)(?:\\\\)*[`*_[\]<>@]/.test(escapeMarkdown(text).replace(/\\[^\w\s]/g, '')),
    ),
  );
});

describe('code', () => {
  test('a fence is longer than any in the content', () => {
    expect(fenced('a\n```\nb', 'ts')).toBe('````ts\na\n```\nb\n````');
    expect(fenced('x', 'ts\n# out')).toBe('```ts#out\nx\n```');
    expect(fenced('')).toBe('```\n\n```');
  });

  test('no content ends its own block', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('`', '``', '```', '`````', '\n', 'a', '~~~')), (parts) => {
        const lines = fenced(parts.join('')).split('\n');
        const fence = lines[0] ?? '';
        return lines.slice(1, -1).every((line) => !line.startsWith(fence)) && lines.at(-1) === fence;
      }),
    );
  });

  test('inline code', () => {
    expect(inlineCode('npm test')).toBe('`npm test`');
    expect(inlineCode('a `b` c')).toBe('``a `b` c``');
    expect(inlineCode('`')).toBe('`` ` ``');
    expect(inlineCode('a\nb')).toBe('`a b`');
  });
});

describe('collapsible', () => {
  test('a title and a content', () => {
    expect(collapsible('Log', 'one\ntwo\n')).toBe('+++ Log\n\none\ntwo\n\n+++');
  });

  test('neither title nor content can end it', () => {
    const section = collapsible('+++ a\n+++', fenced('--- a/x\n+++ b/x\n  +++\nend', 'diff'));
    expect(section.split('\n').filter((line) => /^\s*\+\+\+/.test(line))).toEqual(['+++ a +++', '+++']);
    expect(collapsible(' \n', 'x')).toMatch(/^\+\+\+ Details\n/);
  });
});
