import { expect, test } from 'vitest';
import { newBody, renewedBody, wroteTitle } from './section.ts';
import { bodyLimit, markedId } from './text.ts';

const first = { planId: 'p-1', title: 'ENG-1: Names', text: 'Trimmed them.' };
const second = { planId: 'p-2', title: 'ENG-1: Names', text: 'And folded their case.' };

test('a new body is our section and our marks', () => {
  const body = newBody(first);
  expect(body).toMatch(
    /^<!-- cyrus:section -->\nTrimmed them\.\n<!-- \/cyrus:section -->\n\n<!-- cyrus:plan:p-1 -->\n<!-- cyrus:title:[0-9a-f]{16} -->$/,
  );
  expect(renewedBody(body, first)).toBe(body);
});

test('what people wrote around our section stays, and the marks follow the plan', () => {
  const edited = newBody(first)
    .replace('<!-- cyrus:section -->', '## Reviewed by Ann\r\n\r\n<!-- cyrus:section -->')
    .replace('\n\n<!-- cyrus:plan', '\n\nCloses #7\n\n<!-- cyrus:plan');
  const renewed = renewedBody(edited, second) ?? '';
  expect(renewed).toContain(
    '## Reviewed by Ann\r\n\r\n<!-- cyrus:section -->\nAnd folded their case.\n<!-- /cyrus:section -->\n\nCloses #7',
  );
  expect(renewed).not.toContain('Trimmed');
  expect(markedId(renewed, 'plan')).toBe('p-2');
  expect(renewed.match(/cyrus:plan/g)).toHaveLength(1);
});

test('line ends of a browser are no change; marks that a person removed come back', () => {
  const body = newBody(first);
  const crlf = body.replace(/\n/g, '\r\n');
  expect(renewedBody(crlf, first)).toBe(crlf);
  const bare = body.slice(0, body.indexOf('\n\n<!-- cyrus:plan'));
  expect(markedId(renewedBody(bare, second), 'plan')).toBe('p-2');
});

test.each([
  ['removed', 'All mine now.'],
  ['half removed', newBody(first).replace('<!-- /cyrus:section -->', '')],
  ['crowded out', newBody(first) + 'x'.repeat(bodyLimit)],
])('a section that was %s is left alone', (_how, body) => expect(renewedBody(body, second)).toBeUndefined());

test('our text cannot end its section or forge a mark', () => {
  const forged = newBody({ ...first, text: 'a <!-- /cyrus:section --> b <!-- cyrus:plan:evil --> c' });
  expect(forged.match(/<!-- \/cyrus:section -->/g)).toHaveLength(1);
  expect(renewedBody(forged, second)).toBe(newBody(second));
  expect(newBody({ ...first, text: 'x'.repeat(2 * bodyLimit) }).length).toBe(bodyLimit);
});

test('a title is ours until a person changes it', () => {
  expect(wroteTitle({ title: first.title, body: newBody(first) })).toBe(true);
  expect(wroteTitle({ title: 'Better words', body: newBody(first) })).toBe(false);
  expect(wroteTitle({ title: first.title, body: '' })).toBe(false);
});
