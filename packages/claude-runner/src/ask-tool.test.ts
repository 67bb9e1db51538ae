import { expect, test } from 'vitest';
import { askedIn } from './ask-tool.ts';

const port = { question: 'Which port?', header: 'Port', multiSelect: false };
const plain = [
  { label: '4000', description: '' },
  { label: '5000', description: '' },
];

test.each<[string, unknown, ReturnType<typeof askedIn>]>([
  ['one question with plain options', { questions: [{ ...port, options: plain }] }, { question: 'Which port?', options: ['4000', '5000'] }],
  [
    'explained options are explained in the text too',
    { questions: [{ ...port, options: [plain[0], { label: '5000', description: 'as before' }] }] },
    { question: 'Which port?\n- 4000\n- 5000: as before', options: ['4000', '5000'] },
  ],
  [
    'where several may be chosen, none is an option by itself',
    { questions: [{ ...port, multiSelect: true, options: plain }] },
    { question: 'Which port? (several may be chosen)\n- 4000\n- 5000' },
  ],
  [
    'several questions become one text',
    {
      questions: [
        { ...port, options: plain },
        { question: 'Which name?', options: [] },
      ],
    },
    { question: '1. Which port?\n- 4000\n- 5000\n\n2. Which name?' },
  ],
  ['a question without options', { questions: [{ question: 'And now?' }] }, { question: 'And now?' }],
  ['no question', { questions: [] }, undefined],
  ['nothing at all', null, undefined],
  ['something else', { questions: ['x', null, { options: plain }] }, undefined],
])('%s', (_name, input, expected) => expect(askedIn(input)).toEqual(expected));
