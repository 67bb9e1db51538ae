import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import type { ExecutionEvent } from 'cyrus-executor-interface/executor';

const longestOutput = 4000;

/** The events that a message of the agent says by itself: what it wrote, which tools it used and what came back. */
export function contentEvents(message: SDKMessage): ExecutionEvent[] {
  if (message.type !== 'assistant' && message.type !== 'user') return [];
  const { content, role } = message.message;
  if (typeof content === 'string') return [];
  const isSubagent = message.parent_tool_use_id !== null;
  return content.flatMap((block): ExecutionEvent[] => {
    if (block.type === 'text' && role === 'assistant' && !isSubagent && !isSynthetic(message))
      return [{ type: 'message', content: block.text }];
    if (block.type === 'tool_use') return [{ type: 'tool-use', tool: block.name, input: clipped(block.input), id: block.id }];
    if (block.type === 'tool_result') {
      return [
        { type: 'tool-result', id: block.tool_use_id, output: clipText(resultText(block.content)), isError: block.is_error === true },
      ];
    }
    return [];
  });
}

/** Words the agent's harness put in the model's mouth, such as an API error. */
export const isSynthetic = (message: SDKMessage): boolean => message.type === 'assistant' && message.message.model === '<synthetic>';

export const textOf = (message: SDKMessage): string =>
  message.type === 'assistant' ? message.message.content.map((block) => (block.type === 'text' ? block.text : '')).join('') : '';

function resultText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return (content as { readonly type?: string; readonly text?: string }[]).map((part) => part.text ?? `[${part.type}]`).join('\n');
}

const clipText = (text: string): string =>
  text.length > longestOutput ? `${text.slice(0, longestOutput)}… (${text.length - longestOutput} more characters)` : text;

/** The input without what is too long to keep: whole files written by the agent are in git. */
function clipped(value: unknown): unknown {
  if (typeof value === 'string') return clipText(value);
  if (Array.isArray(value)) return value.slice(0, 100).map(clipped);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, clipped(inner)]));
  return value;
}
