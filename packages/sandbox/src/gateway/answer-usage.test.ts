import { expect, test } from 'vitest';
import { streamReader } from './answer-usage.ts';

const events = (...all: object[]): Buffer => Buffer.from(all.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
const start = { type: 'message_start', message: { model: 'm', usage: { input_tokens: 5, output_tokens: 1 } } };

test('of an answer that broke off, thinking that was not shown counts by its signature, and each search', () => {
  const reader = streamReader();
  reader.add(
    events(
      start,
      { type: 'content_block_start', content_block: { type: 'thinking', thinking: '' } },
      { type: 'content_block_delta', delta: { type: 'signature_delta', signature: 'x'.repeat(8_000) } },
      { type: 'content_block_start', content_block: { type: 'redacted_thinking', data: 'x'.repeat(2_000) } },
      { type: 'content_block_start', content_block: { type: 'server_tool_use', name: 'web_search' } },
    ),
  );
  expect(reader.usage()).toMatchObject({ usage: { inputTokens: 5, outputTokens: 5_000, webSearches: 1 }, certain: false });
});

test('one that came to its end counts as it says', () => {
  const reader = streamReader();
  reader.add(
    events(
      start,
      { type: 'content_block_delta', delta: { type: 'signature_delta', signature: 'x'.repeat(8_000) } },
      { type: 'message_delta', usage: { output_tokens: 70, server_tool_use: { web_search_requests: 2 } } },
    ),
  );
  expect(reader.usage()).toMatchObject({ usage: { outputTokens: 70, webSearches: 2 }, certain: true });
});
