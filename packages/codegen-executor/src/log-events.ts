import type { ExecutionEvent } from 'cyrus-executor-interface/executor';
import type { CodegenLogEntry } from './payload.ts';

/** Entries that tell nothing of the agent: our own prompt, and links between runs. */
const silent: ReadonlySet<string> = new Set(['USER_MESSAGE', 'USER_GITHUB_ISSUE_COMMENT', 'AGENT_RUN_LINK']);
const errors: ReadonlySet<string> = new Set(['ERROR', 'PR_CREATION_FAILED']);

/**
 * What one entry of a run's log says. Pure, and of the entry and its place alone: read again, a log gives the same events,
 * so that a cursor into them means the same after a restart.
 */
export function eventsOf(entry: CodegenLogEntry, place: number): readonly ExecutionEvent[] {
  const kind = entry.message_type ?? '';
  if (silent.has(kind)) return [];
  const observed = textOf(entry.observation);
  if (errors.has(kind)) {
    const message = observed || textOf(entry.thought) || 'Codegen reports an error without a text.';
    return [{ type: 'error', failure: { class: 'agent_failed', message } }];
  }
  const events: ExecutionEvent[] = [];
  const thought = textOf(entry.thought);
  if (thought !== '') events.push({ type: 'message', content: thought });
  if (entry.tool_name) {
    const id = String(place);
    events.push({ type: 'tool-use', tool: entry.tool_name, input: entry.tool_input ?? {}, id });
    const output = textOf(entry.tool_output) || observed;
    if (output !== '') events.push({ type: 'tool-result', id, output, isError: false });
  } else if (observed !== '') {
    events.push({ type: 'message', content: observed });
  }
  return events;
}

/** A text as it is; a record with a single text in it as that text; any other as JSON. */
function textOf(value: string | Readonly<Record<string, unknown>> | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value.trim();
  const fields = Object.values(value);
  if (fields.length === 0) return '';
  const [only] = fields;
  return fields.length === 1 && typeof only === 'string' ? only.trim() : JSON.stringify(value);
}
