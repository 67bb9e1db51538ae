import type { ExecutionEvent } from 'cyrus-executor-interface/executor';
import { endState } from './run-state.ts';
import type { Frame } from './sse.ts';
import { messageIdsIn } from './task-text.ts';
import { resultFrame, textFrame, toolFrame, userMessageFrame } from './wire.ts';

/** Turns the frames of one run into events. The same frames always give the same events, however often the stream was cut in between. */
export interface Normaliser {
  /** Frames that were there before are ignored. */
  take(frame: Frame): readonly ExecutionEvent[];
  /** What was said and not yet given, at the end of a run whose stream did not tell its end. `text`: its last words. */
  flush(text: string | undefined): readonly ExecutionEvent[];
  /** Where to go on from after a break: the last frame but those that share an id with the newest, of which more may come. */
  readonly position: string | undefined;
  /** How many different frames there were. */
  readonly count: number;
  /** True once the stream has told the run's end. */
  readonly ended: boolean;
}

/** Longer messages are given in parts. */
const longestMessage = 8_000;
const longestOutput = 8_000;

/** `isFollowUp`: the run was begun by messages of ours, which are marked as such. */
export function normaliser(isFollowUp: boolean): Normaliser {
  const seen = new Set<string>();
  const calls = new Set<string>();
  let position: string | undefined;
  let newest: string | undefined;
  let ended = false;
  let said = '';
  let last = '';

  function spoken(): ExecutionEvent[] {
    const content = said.trim();
    said = '';
    if (content === '') return [];
    last = content;
    return [{ type: 'message', content }];
  }

  function lastWords(text: string | undefined): ExecutionEvent[] {
    const before = spoken();
    const content = text?.trim() ?? '';
    // The service does not say whether its last words repeat what was said.
    if (content === '' || last === content || last.endsWith(content)) return before;
    last = content;
    return [...before, { type: 'message', content }];
  }

  function tool(data: unknown): ExecutionEvent[] {
    const parsed = toolFrame.safeParse(data);
    if (!parsed.success) return [];
    const { callId, name, status, args, result } = parsed.data;
    const events = spoken();
    if (!calls.has(callId)) events.push({ type: 'tool-use', tool: name, input: args ?? {}, id: callId });
    calls.add(callId);
    if (status === 'running' || calls.has(`${callId} done`)) return events;
    calls.add(`${callId} done`);
    events.push({ type: 'tool-result', id: callId, output: outputOf(result), isError: status === 'error' || isFailure(result) });
    return events;
  }

  function eventsOf({ event, data }: Frame): readonly ExecutionEvent[] {
    const body = jsonOf(data);
    switch (event) {
      case 'assistant': {
        const parsed = textFrame.safeParse(body);
        if (parsed.success) said += parsed.data.text;
        return said.length > longestMessage ? spoken() : [];
      }
      case 'thinking':
        return spoken();
      case 'tool_call':
        return tool(body);
      case 'interaction_update': {
        const parsed = userMessageFrame.safeParse(body);
        return isFollowUp && parsed.success
          ? messageIdsIn(parsed.data.userMessage.text).map((messageId) => ({ type: 'delivered', messageId }))
          : [];
      }
      case 'result': {
        const parsed = resultFrame.safeParse(body);
        if (!parsed.success || endState(parsed.data.status) === undefined) return [];
        ended = true;
        return lastWords(parsed.data.text);
      }
      default:
        return [];
    }
  }

  return {
    take(frame) {
      if (frame.id !== undefined) {
        const known = `${frame.id}\n${frame.event}\n${frame.data}`;
        if (seen.has(known)) return [];
        seen.add(known);
        if (frame.id !== newest) {
          position = newest;
          newest = frame.id;
        }
      }
      return ended ? [] : eventsOf(frame);
    },
    flush(text) {
      if (ended) return [];
      ended = true;
      return lastWords(text);
    },
    get position() {
      return position;
    },
    get count() {
      return seen.size;
    },
    get ended() {
      return ended;
    },
  };
}

/** Results have no fixed shape: what looks like what a person would read is taken, else all of it. */
function outputOf(result: unknown): string {
  if (typeof result === 'string') return result.slice(0, longestOutput);
  const success = fieldOf(result, 'success');
  const stdout = fieldOf(success, 'stdout') ?? fieldOf(success, 'content');
  if (typeof stdout === 'string') return stdout.slice(0, longestOutput);
  return (JSON.stringify(result) ?? '').slice(0, longestOutput);
}

const isFailure = (result: unknown): boolean => fieldOf(result, 'success') === undefined && fieldOf(result, 'error') !== undefined;

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
