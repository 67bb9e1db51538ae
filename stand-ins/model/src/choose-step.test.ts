import { describe, expect, test } from 'vitest';
import { chooseStep } from './choose-step.ts';
import type { ApiMessage, ContentBlock } from './conversation.ts';
import type { ScriptRule, Step } from './script.ts';

const user = (text: string): ApiMessage => ({ role: 'user', content: [{ type: 'text', text }] });
const said = (text: string): ApiMessage => ({ role: 'assistant', content: [{ type: 'text', text }] });
const call = (id: string): ApiMessage => ({ role: 'assistant', content: [{ type: 'tool_use', id, name: 'Bash' }] });
const result = (id: string, text = 'ok'): ApiMessage => ({
  role: 'user',
  content: [{ type: 'tool_result', tool_use_id: id, content: text }],
});
const steer = (text: string): ApiMessage => ({
  role: 'system',
  content: `<system-reminder>\nThe user sent a new message while you were working:\n${text}\n\nThis is how Claude Code surfaces messages.\n</system-reminder>`,
});
const script = (steps: readonly Step[]): string => `Please work.\nSCRIPT:${JSON.stringify(steps)}`;
const three: Step[] = [{ tool: 'Bash' }, { text: 'second' }, { text: 'third' }];

const choose = (messages: readonly ApiMessage[], rules: readonly ScriptRule[] = [], system?: string) =>
  chooseStep({ model: 'm', max_tokens: 1000, messages, ...(system === undefined ? {} : { system }) }, rules);

describe('a script in the prompt', () => {
  test.each<[string, readonly ApiMessage[], number]>([
    ['begins at its first step', [user(script(three))], 0],
    ['goes on by the answers given', [user(script(three)), call('a'), result('a')], 1],
    [
      'gives an interrupted step again',
      [user(script(three)), call('a'), result('a', '[Tool call interrupted: the session ended'), user('Go on.')],
      0,
    ],
    [
      'gives a step that a person interrupted again',
      [user(script(three)), call('a'), result('a', '[Request interrupted by user for tool use]')],
      0,
    ],
    ['is not disturbed by a message without one', [user(script(three)), call('a'), result('a'), steer('Use port 4000.')], 1],
    ['begins anew with a newer script', [user(script(three)), said('x'), said('y'), user(script(three))], 0],
    ['may come while the agent works', [user(script(three)), call('a'), result('a'), steer(script(three))], 0],
  ])('%s', (_name, messages, expected) => expect(choose(messages).index).toBe(expected));

  test('a script that is over repeats its last words, never its last action', () => {
    expect(choose([user(script(three)), said('1'), said('2'), said('3'), said('4')]).step).toEqual({ text: 'third' });
    expect(choose([user(script([{ tool: 'Bash' }])), call('a'), result('a')]).step).toEqual({ text: 'Done.' });
  });
  test('brackets and quotes inside strings do not end it, a script inside a string is not its own', () => {
    const inner = script([{ text: 'inner ]' }]);
    expect(choose([user(script([{ text: `a "quoted" ] and [ ${inner}` }]))]).step.text).toContain('inner ]');
  });
  test('a malformed one says so', () => expect(choose([user('SCRIPT:[{oops}]')]).step.text).toMatch(/malformed script/));
  test('reminders of the harness are not words of a person', () => {
    expect(choose([user(`<system-reminder>${script(three)}</system-reminder>Hello`)]).index).toBe(-1);
  });
});

describe('registered scripts', () => {
  const rules: ScriptRule[] = [
    { match: 'ENG-1', steps: [{ text: 'older' }] },
    { match: 'ENG-1', steps: [{ text: 'one' }, { text: 'two' }] },
    { match: 'ENG-1', onFollowUp: 'port', steps: [{ text: 'port changed' }] },
    { match: 'ENG-2', steps: [{ text: 'other' }] },
  ];
  test.each<[string, readonly ApiMessage[], string]>([
    ['the newest that matches the first words', [user('Issue ENG-1: fix it')], 'one'],
    ['by the answers given', [user('Issue ENG-1: fix it'), said('one')], 'two'],
    ['a follow-up that matches begins another', [user('Issue ENG-1'), said('one'), said('two'), user('use port 80')], 'port changed'],
    ['so does a message to the working agent', [user('Issue ENG-1'), said('one'), steer('use port 80')], 'port changed'],
    ['a follow-up that matches nothing goes on', [user('Issue ENG-1'), said('one'), user('ENG-2 is related')], 'two'],
    ['a follow-up rule of another issue does not apply', [user('Issue ENG-2'), said('x'), user('use port 80')], 'other'],
    ['a script in the text wins over a rule', [user(`ENG-1 ${script([{ text: 'mine' }])}`)], 'mine'],
  ])('%s', (_name, messages, expected) => expect(choose(messages, rules).step.text).toBe(expected));

  test('no script says so with the last words', () =>
    expect(choose([user('Hello there')], rules).step.text).toMatch(/No script matches.*Hello there/));
});

describe('what a step may refer to', () => {
  const where = (messages: ApiMessage[], system?: string): string | undefined =>
    choose([user(script([{ text: '{{cwd}}/a' }])), ...messages], [], system).step.text;
  test.each<[string, ContentBlock[] | undefined, string | undefined, string]>([
    ['the system prompt', undefined, 'x\n - Primary working directory: /work/a b\n - y', '/work/a b/a'],
    [
      'a reminder',
      [{ type: 'text', text: '<system-reminder>\n - Primary working directory: /work/r\n</system-reminder>' }],
      undefined,
      '/work/r/a',
    ],
    [
      'the newest of several',
      [{ type: 'text', text: ' - Primary working directory: /two (was /one)\n' }],
      'Primary working directory: /one',
      '/two/a',
    ],
    ['nothing', undefined, undefined, './a'],
  ])('{{cwd}} from %s', (_name, content, system, expected) =>
    expect(where(content ? [{ role: 'system', content }] : [], system)).toBe(expected),
  );

  test('{{userTexts}} is what people said', () => {
    const text = choose([user(script([{ text: 'x' }, { text: '{{userTexts}}' }])), said('x'), steer('More.')]).step.text;
    expect(JSON.parse(text ?? '')).toEqual(['Please work.\nSCRIPT', 'More.']);
  });
  test('inside the input of a tool too', () => {
    const { step } = choose([user(script([{ tools: [{ tool: 'Write', input: { paths: ['{{cwd}}/x'] } }] }]))], [], 'Working directory: /w');
    expect(step.tools).toEqual([{ tool: 'Write', input: { paths: ['/w/x'] } }]);
  });
});
