import { manualClock } from 'cyrus-core/clock';
import { expect, test } from 'vitest';
import { streamReader, writtenIn } from './answer-usage.ts';

const events = (...all: object[]): Buffer => Buffer.from(all.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
const clock = manualClock(0);
const reads = () => streamReader(clock.now, 64_000);
const start = { type: 'message_start', message: { model: 'm', usage: { input_tokens: 5, output_tokens: 1 } } };

test('of an answer that broke off, thinking that was not shown counts by its signature, and each search', () => {
  const reader = reads();
  reader.add(
    events(
      start,
      { type: 'content_block_start', content_block: { type: 'thinking', thinking: '' } },
      { type: 'content_block_delta', delta: { type: 'signature_delta', signature: 'x'.repeat(8_000) } },
      { type: 'content_block_stop' },
      { type: 'content_block_start', content_block: { type: 'redacted_thinking', data: 'x'.repeat(2_000) } },
      { type: 'content_block_start', content_block: { type: 'server_tool_use', name: 'web_search' } },
    ),
  );
  expect(reader.usage()).toMatchObject({ usage: { inputTokens: 5 + 5 + 20_000, outputTokens: 5_000, webSearches: 1 }, certain: false });
});

test('one that came to its end counts as it says', () => {
  const reader = reads();
  reader.add(
    events(
      start,
      { type: 'content_block_delta', delta: { type: 'signature_delta', signature: 'x'.repeat(8_000) } },
      { type: 'message_delta', usage: { output_tokens: 70, server_tool_use: { web_search_requests: 2 } } },
    ),
  );
  expect(reader.usage()).toMatchObject({ usage: { outputTokens: 70, webSearches: 2 }, certain: true });
});

test('a thought that was under way, and is not shown, counts by the time it took', () => {
  const reader = reads();
  reader.add(events(start, { type: 'content_block_start', content_block: { type: 'thinking', thinking: '' } }));
  clock.advance(30_000);
  expect(reader.usage()).toMatchObject({ usage: { inputTokens: 5, outputTokens: writtenIn(30_000) }, certain: false });
  expect(writtenIn(30_000)).toBe(6_000);
});

test('one that is over counts no more for the time after it', () => {
  const reader = reads();
  reader.add(
    events(
      start,
      { type: 'content_block_start', content_block: { type: 'thinking', thinking: '' } },
      { type: 'content_block_delta', delta: { type: 'signature_delta', signature: 'x'.repeat(600) } },
      { type: 'content_block_stop' },
      { type: 'content_block_start', content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', delta: { type: 'text_delta', text: 'x'.repeat(100) } },
    ),
  );
  clock.advance(600_000);
  expect(reader.usage()).toMatchObject({ usage: { outputTokens: 350 } });
});

test('nothing that broke off counts more than it was allowed', () => {
  const reader = streamReader(clock.now, 1_000);
  reader.add(events(start, { type: 'content_block_start', content_block: { type: 'thinking', thinking: '' } }));
  clock.advance(600_000);
  expect(reader.usage()).toMatchObject({ usage: { outputTokens: 1_000 } });
});
