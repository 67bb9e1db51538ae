import { expect, test } from 'vitest';
import { asking } from './asked.ts';

test('one question keeps its options, several become one text, a withdrawn one is none', () => {
  const open = asking();
  expect(open.question).toBeUndefined();
  open.add({ question: 'Which port?', options: ['4000', '5000'] });
  expect(open.question).toEqual({ question: 'Which port?', options: ['4000', '5000'] });
  open.add({ question: 'Which name?' });
  expect(open.question).toEqual({ question: 'Which port?\n\nWhich name?' });
  open.withdraw();
  expect(open.question).toBeUndefined();
});
