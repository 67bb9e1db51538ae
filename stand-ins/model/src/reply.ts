import type { ServerResponse } from 'node:http';
import type { MessagesRequest } from './conversation.ts';
import type { Step } from './script.ts';

export interface ReplyOptions {
  /** Tells the ids of one answer from those of another. */
  readonly number: number;
  readonly slowMs: number;
  /** Ends the connection in the middle of the stream. */
  readonly cut: boolean;
  readonly wait: (ms: number) => Promise<void>;
}

interface Block {
  readonly type: string;
  readonly [name: string]: unknown;
}

const defaultUsage = { input_tokens: 1000, cache_read_input_tokens: 5000, cache_creation_input_tokens: 200, output_tokens: 300 };
const chunkLength = 20;

function blocksOf(step: Step, number: number): Block[] {
  const calls = [...(step.tool === undefined ? [] : [{ tool: step.tool, input: step.input }]), ...(step.tools ?? [])];
  const uses = calls.map((call, at) => ({ type: 'tool_use', id: `toolu_${number}_${at}`, name: call.tool, input: call.input ?? {} }));
  return [...(step.text === undefined ? [] : [{ type: 'text', text: step.text }]), ...uses];
}

/** Answers one `POST /v1/messages` with `step`, streamed when the request asks for it. */
export async function reply(response: ServerResponse, request: MessagesRequest, step: Step, options: ReplyOptions): Promise<void> {
  const content = blocksOf(step, options.number);
  const full = { ...defaultUsage, ...step.usage };
  const usage = { ...full, output_tokens: Math.min(full.output_tokens, request.max_tokens) };
  const clamped = usage.output_tokens < full.output_tokens;
  const stopReason = clamped ? 'max_tokens' : content.some((block) => block.type === 'tool_use') ? 'tool_use' : 'end_turn';
  const message = {
    id: `msg_${options.number}`,
    type: 'message',
    role: 'assistant',
    model: request.model,
    content: [] as Block[],
    stop_reason: null as string | null,
    stop_sequence: null,
    usage: { ...usage, output_tokens: 1 },
  };
  const head = { 'request-id': `req_${options.number}` };
  if (!request.stream) {
    if (options.cut) return void response.destroy();
    response.writeHead(200, { ...head, 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...message, content, stop_reason: stopReason, usage }));
    return;
  }
  response.writeHead(200, { ...head, 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const send = (type: string, data: object): void => void response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  send('message_start', { message });
  if (options.cut) {
    send('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
    send('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'This answer is cut' } });
    return void response.write(':\n\n', () => response.destroy());
  }
  for (const [index, block] of content.entries()) {
    if (block.type === 'text') {
      send('content_block_start', { index, content_block: { type: 'text', text: '' } });
      const text = String(block['text']);
      for (let at = 0; at < text.length; at += chunkLength) {
        send('content_block_delta', { index, delta: { type: 'text_delta', text: text.slice(at, at + chunkLength) } });
        if (options.slowMs > 0) await options.wait(options.slowMs);
        if (response.destroyed) return;
      }
    } else {
      send('content_block_start', { index, content_block: { ...block, input: {} } });
      send('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json: JSON.stringify(block['input']) } });
    }
    send('content_block_stop', { index });
  }
  send('message_delta', { delta: { stop_reason: stopReason, stop_sequence: null }, usage });
  send('message_stop', {});
  response.end();
}
