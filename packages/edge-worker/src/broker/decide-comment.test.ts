import { expect, test } from 'vitest';
import { commentNote, decideComment } from './decide-comment.ts';

const activity = (content: object, more: object = {}) => ({ content, ...more });

test.each<[string, string, string, Record<string, unknown>, string | null]>([
  [
    'the acknowledgement tells why there are comments',
    'turn:t1:ack',
    'activity',
    activity({ type: 'thought', body: 'Got it.' }),
    `Got it.\n\n_${commentNote}_`,
  ],
  ['the route', 'plan:p:route:s', 'activity', activity({ type: 'thought', body: 'Working in **app**' }), 'Working in **app**'],
  ['an interim answer', 'plan:p:more:s', 'activity', activity({ type: 'thought', body: 'First part.' }), 'First part.'],
  ['another thought is a sign of progress', 'plan:p:alive:s', 'activity', activity({ type: 'thought', body: 'Still at it.' }), null],
  ['an action', 'attempt:a:1:s', 'activity', activity({ type: 'action', action: 'Ran', parameter: 'npm test' }), null],
  ['the checklist', 'plan:p:checklist:s', 'checklist', { items: [] }, null],
  ['links of the session', 'plan:p:urls:s', 'externalUrls', { urls: [] }, null],
  ['the closing answer', 'turn:t1:close', 'activity', activity({ type: 'response', body: '✅ Done.' }), '✅ Done.'],
  ['an error', 'turn:t1:close', 'activity', activity({ type: 'error', body: '❌ It failed.' }), '❌ It failed.'],
  [
    'a question with its options',
    'turn:t1:close',
    'activity',
    activity(
      { type: 'elicitation', body: 'Which?' },
      { signal: 'select', signalMetadata: { options: [{ value: 'a' }, { label: 'The second', value: 'b' }] } },
    ),
    'Which?\n\n- a\n- The second\n\n_Answer in the agent session of this issue._',
  ],
  [
    'a question with a link',
    'turn:t1:close',
    'activity',
    activity({ type: 'elicitation', body: 'Please link.' }, { signal: 'auth', signalMetadata: { url: 'https://x.test/link' } }),
    'Please link.\n\nhttps://x.test/link\n\n_Answer in the agent session of this issue._',
  ],
  ['a shape that nobody knows', 'x', 'activity', {}, null],
])('%s', (_name, key, kind, payload, expected) => {
  expect(decideComment({ key, kind, payload })).toBe(expected);
});
