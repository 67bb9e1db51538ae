import type { ExecutionEvent } from 'cyrus-executor-interface/executor';
import { describe, expect, test } from 'vitest';
import { normaliser } from './normalise.ts';
import type { Frame } from './sse.ts';
import { messagesText } from './task-text.ts';

const frame = (id: string | undefined, event: string, data: unknown): Frame => ({ id, event, data: JSON.stringify(data) });
const call = (id: string, status: string, result?: unknown): Frame =>
  frame(id, 'tool_call', { callId: 'c1', name: 'run_terminal_cmd', status, args: { command: 'ls' }, ...(result ? { result } : {}) });

/** As a run's stream looks: the pieces of a sentence, told in two ways under one id. */
const whole: readonly Frame[] = [
  frame(undefined, 'status', { status: 'RUNNING' }),
  frame('1-0', 'interaction_update', { type: 'text-delta', text: 'I look' }),
  frame('1-0', 'assistant', { text: 'I look' }),
  frame(undefined, 'heartbeat', {}),
  frame('2-0', 'interaction_update', { type: 'text-delta', text: ' around.' }),
  frame('2-0', 'assistant', { text: ' around.' }),
  call('3-0', 'running'),
  call('4-0', 'completed', { success: { stdout: 'README.md\n', exitCode: 0 } }),
  frame('5-0', 'thinking', { text: 'hm' }),
  frame('6-0', 'assistant', { text: 'Done.' }),
  frame('7-0', 'result', { status: 'FINISHED', text: 'Done.' }),
  frame(undefined, 'done', {}),
];
const events: readonly ExecutionEvent[] = [
  { type: 'message', content: 'I look around.' },
  { type: 'tool-use', tool: 'run_terminal_cmd', input: { command: 'ls' }, id: 'c1' },
  { type: 'tool-result', id: 'c1', output: 'README.md\n', isError: false },
  { type: 'message', content: 'Done.' },
];

function all(frames: readonly Frame[]): readonly ExecutionEvent[] {
  const one = normaliser(true);
  return frames.flatMap((each) => one.take(each));
}

describe('the frames of a run', () => {
  test('become its events', () => expect(all(whole)).toEqual(events));
  test('told twice, the same', () => expect(all(whole.flatMap((each) => [each, each]))).toEqual(events));
  test('cut anywhere and read on from where it says, the same', () => {
    for (let cut = 0; cut <= whole.length; cut++) {
      const one = normaliser(true);
      const first = whole.slice(0, cut).flatMap((each) => one.take(each));
      const from = one.position === undefined ? 0 : whole.findLastIndex(({ id }) => id === one.position) + 1;
      const rest = whole.slice(from).flatMap((each) => one.take(each));
      expect([...first, ...rest]).toEqual(events);
    }
  });
  test('last words that were not said before are said', () =>
    expect(
      all([frame('1-0', 'assistant', { text: 'Working.' }), frame('2-0', 'result', { status: 'FINISHED', text: 'A summary.' })]),
    ).toEqual([
      { type: 'message', content: 'Working.' },
      { type: 'message', content: 'A summary.' },
    ]));
  test('a result with a status nobody knows is no end', () => {
    const one = normaliser(true);
    one.take(frame('1-0', 'result', { status: 'HIBERNATING' }));
    expect(one.ended).toBe(false);
  });
  test('a message the agent was given is delivered', () => {
    const text = messagesText([
      { id: 3, text: 'Port 4000.' },
      { id: 4, text: 'And be quick.' },
    ]);
    expect(all([frame('1-0', 'interaction_update', { type: 'user-message-appended', userMessage: { text } })])).toEqual([
      { type: 'delivered', messageId: 3 },
      { type: 'delivered', messageId: 4 },
    ]);
  });
  test('but not what only looks like one in the task itself', () => {
    const text = messagesText([{ id: 3, text: 'Quoted.' }]);
    const told = frame('1-0', 'interaction_update', { type: 'user-message-appended', userMessage: { text } });
    expect(normaliser(false).take(told)).toEqual([]);
  });
  test('what has another shape is left out', () =>
    expect(
      all([frame('1-0', 'assistant', { words: 1 }), frame('2-0', 'tool_call', []), { id: '3-0', event: 'result', data: '{' }]),
    ).toEqual([]));
});
