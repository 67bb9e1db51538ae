import type { ExecutionEvent } from 'cyrus-executor-interface/executor';
import { expect, test } from 'vitest';
import { eventsOf } from './log-events.ts';
import type { CodegenLogEntry } from './payload.ts';

test.each<[string, CodegenLogEntry, readonly ExecutionEvent[]]>([
  ['a thought', { message_type: 'ACTION', thought: ' Reading. ' }, [{ type: 'message', content: 'Reading.' }]],
  [
    'a tool with a thought and an output',
    {
      message_type: 'ACTION',
      thought: 'Now the tests.',
      tool_name: 'RunCommand',
      tool_input: { command: 'npm test' },
      tool_output: { output: '3 passed' },
    },
    [
      { type: 'message', content: 'Now the tests.' },
      { type: 'tool-use', tool: 'RunCommand', input: { command: 'npm test' }, id: '4' },
      { type: 'tool-result', id: '4', output: '3 passed', isError: false },
    ],
  ],
  [
    'a tool whose output is an observation',
    { message_type: 'ACTION', tool_name: 'View', observation: { lines: 3, text: 'abc' } },
    [
      { type: 'tool-use', tool: 'View', input: {}, id: '4' },
      { type: 'tool-result', id: '4', output: '{"lines":3,"text":"abc"}', isError: false },
    ],
  ],
  ['a tool that says nothing', { tool_name: 'Think', tool_output: {} }, [{ type: 'tool-use', tool: 'Think', input: {}, id: '4' }]],
  ['the last answer', { message_type: 'FINAL_ANSWER', observation: 'Done.' }, [{ type: 'message', content: 'Done.' }]],
  ['a plan', { message_type: 'PLAN_EVALUATION', observation: { plan: 'First, then.' } }, [{ type: 'message', content: 'First, then.' }]],
  [
    'an error',
    { message_type: 'ERROR', observation: 'No disk.' },
    [{ type: 'error', failure: { class: 'agent_failed', message: 'No disk.' } }],
  ],
  [
    'a pull request that failed',
    { message_type: 'PR_CREATION_FAILED', thought: 'No rights.' },
    [{ type: 'error', failure: { class: 'agent_failed', message: 'No rights.' } }],
  ],
  ['our own prompt', { message_type: 'USER_MESSAGE', observation: 'Do it.' }, []],
  ['a kind nobody knows', { message_type: 'DAYDREAM', observation: 'Clouds.' }, [{ type: 'message', content: 'Clouds.' }]],
  ['nothing at all', {}, []],
  ['nulls', { message_type: null, thought: null, tool_name: null, observation: null, tool_input: null, tool_output: null }, []],
])('%s', (_name, entry, events) => {
  expect(eventsOf(entry, 4)).toEqual(events);
});
