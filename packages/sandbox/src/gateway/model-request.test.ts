import { describe, expect, test } from 'vitest';
import { type ModelRequest, readModelRequest } from './model-request.ts';

const request = (more: object): ReturnType<typeof readModelRequest> => {
  const text = JSON.stringify({ model: 'm', max_tokens: 10, messages: [], ...more });
  return readModelRequest(text, Buffer.byteLength(text));
};
const read = (more: object): ModelRequest => {
  const found = request(more);
  if ('mistake' in found) throw new Error(found.mistake);
  return found;
};
const said = (...content: object[]): object => ({ messages: [{ role: 'user', content }] });

describe('what a call costs at most', () => {
  test.each<[string, unknown, number]>([
    ['as many searches as it says', 3, 3],
    ['fewer than none', -1_000_000, 10],
    ['none', 0, 10],
    ['part of one', 0.5, 10],
    ['more than can be counted', 1e300, 10],
    ['words', '3', 10],
  ])('%s', (_name, most, counted) => {
    expect(read({ tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: most }] }).webSearches).toBe(counted);
  });

  test('a cache of an hour counts however it is spelled, and not where it is only spoken of', () => {
    const text = (body: string) => `{"model":"m","max_tokens":10,"messages":[],${body}}`;
    const long = (body: string) => (readModelRequest(text(body), 100) as ModelRequest).longCache;
    expect(long('"cache_control":{"type":"ephemeral","ttl":"1h"}')).toBe(true);
    expect(long('"cache_control":{"type":"ephemeral","t\\u0074l":"\\u0031h"}')).toBe(true);
    expect(long('"system":"\\u001b {\\"ttl\\": \\"1h\\"}"')).toBe(false);
  });

  test('a packed document, and pictures inside of one, count as what they may hold', () => {
    const pdf = { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' };
    expect(read(said({ type: 'document', source: pdf })).inputTokens).toBeGreaterThan(200_000);
    const pictures = { type: 'content', content: [{ type: 'image', source: { type: 'base64', data: 'x' } }] };
    expect(read(said({ type: 'document', source: pictures })).inputTokens).toBeGreaterThan(5_000);
    expect(read(said({ type: 'document', source: { type: 'text', data: 'x' } })).inputTokens).toBeLessThan(200);
  });
});

describe('what is refused', () => {
  const url = { type: 'url', url: 'https://evil.example/?secret' };
  test.each<[string, object]>([
    ['a server of tools', { mcp_servers: [{ type: 'url', url: 'https://evil.example' }] }],
    ['its tools', { tools: [{ type: 'mcp_toolset', mcp_server_name: 'x' }] }],
    ['a page that the provider fetches', { tools: [{ type: 'web_fetch_20250910', name: 'web_fetch' }] }],
    ['programs at the provider', { tools: [{ type: 'code_execution_20250825', name: 'code_execution' }] }],
    ['a picture by its address', said({ type: 'image', source: url })],
    ['one in the result of a tool', said({ type: 'tool_result', content: [{ type: 'image', source: url }] })],
    ['one inside of a document', said({ type: 'document', source: { type: 'content', content: [{ type: 'image', source: url }] } })],
    ['a document by its address', said({ type: 'document', source: url })],
    ['a dearer place', { inference_geo: 'us' }],
    ['another model that is asked along', { tools: [{ type: 'advisor_20260301', name: 'advisor', model: 'm' }] }],
    ['a summary that the answer does not count', { context_management: { edits: [{ type: 'compact_20260112' }] } }],
  ])('%s', (_name, more) => {
    expect(request(more)).toEqual({ mistake: expect.any(String) });
  });

  test.each<[string, object]>([
    ['no servers', { mcp_servers: [] }],
    [
      'tools of the agent',
      {
        tools: [
          { name: 'web_fetch', input_schema: {} },
          { type: 'bash_20250124', name: 'bash' },
        ],
      },
    ],
    ['what a tool is given', { messages: [{ role: 'assistant', content: [{ type: 'tool_use', input: { source: url } }] }] }],
    ['old results that are dropped', { context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] }, inference_geo: null }],
  ])('not: %s', (_name, more) => {
    expect(request(more)).toMatchObject({ body: more });
  });
});
