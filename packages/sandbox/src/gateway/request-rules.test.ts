import { describe, expect, test } from 'vitest';
import { notPassed } from './request-rules.ts';

const closed = { webSearch: false };
const refused = (more: object, rules = closed): string | undefined =>
  notPassed({ model: 'm', max_tokens: 10, messages: [], ...more }, rules)?.what;
const said = (...content: object[]): object => ({ messages: [{ role: 'user', content }] });
const url = { type: 'url', url: 'https://evil.example/?secret' };

describe('what is not known to stay between the agent and the model', () => {
  test.each<[string, object, string]>([
    ['servers of tools', { mcp_servers: [url] }, 'the field "mcp_servers"'],
    ['a machine at the provider', { container: 'container_1' }, 'the field "container"'],
    ['a conversation that is kept there', { thread: { type: 'continue', previous_message_id: 'msg_1' } }, 'the field "thread"'],
    ['other models that are asked along', { fallbacks: [{ model: 'dearer' }] }, 'the field "fallbacks"'],
    ['what nobody has heard of', { reach_out: true }, 'the field "reach_out"'],
    ['a toolset of a server', { tools: [{ type: 'mcp_toolset', mcp_server_name: 'x' }] }, 'a tool of type "mcp_toolset"'],
    ['a page that the provider fetches', { tools: [{ type: 'web_fetch_20250910' }] }, 'a tool of type "web_fetch_20250910"'],
    ['programs at the provider', { tools: [{ type: 'code_execution_20250825' }] }, 'a tool of type "code_execution_20250825"'],
    ['a model that is asked along', { tools: [{ type: 'advisor_20260301', model: 'm' }] }, 'a tool of type "advisor_20260301"'],
    [
      'a tool of tomorrow',
      { tools: [{ name: 'Read', input_schema: {} }, { type: 'browse_20270101' }] },
      'a tool of type "browse_20270101"',
    ],
    ['a type that is none', { tools: [{ type: {} }] }, 'a tool of type (no plain name)'],
    ['searches', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 'web_search_20250305'],
    ['a picture by its address', said({ type: 'image', source: url }), 'a source of type "url"'],
    ['a picture that is stored there', said({ type: 'image', source: { type: 'file', file_id: 'f' } }), 'a source of type "file"'],
    ['one in the result of a tool', said({ type: 'tool_result', content: [{ type: 'image', source: url }] }), 'a source of type "url"'],
    ['one that is no list', said({ type: 'tool_result', content: { type: 'image', source: url } }), 'a source of type "url"'],
    [
      'one inside of a document',
      said({ type: 'document', source: { type: 'content', content: [{ type: 'image', source: url }] } }),
      'a source of type "url"',
    ],
    ['a document by its address', said({ type: 'document', source: url }), 'a source of type "url"'],
    ['one in the system prompt', { system: [{ type: 'document', source: url }] }, 'a source of type "url"'],
    ['files for a machine there', said({ type: 'container_upload', file_id: 'f' }), 'content of type "container_upload"'],
    ['calls of a server of tools', said({ type: 'mcp_tool_use', server_name: 'x' }), 'content of type "mcp_tool_use"'],
    ['content without a type', said({ text: 'x' }), 'content of type (no plain name)'],
    [
      'tools that are added on the way',
      said({ type: 'tool_addition', tool: { type: 'tool_definition', definition: { type: 'web_fetch_20260318' } } }),
      'a tool of type "web_fetch_20260318"',
    ],
    [
      'servers that are',
      said({ type: 'tool_addition', tool: { type: 'mcp_toolset_reference', name: 'x' } }),
      'a tool of type "mcp_toolset_reference"',
    ],
    [
      'those of a summary',
      said({ type: 'compaction', tool_changes: [{ type: 'tool_addition', tool: { type: 'mcp_x' } }] }),
      'a tool of type "mcp_x"',
    ],
    [
      'a summary that the answer does not count',
      { context_management: { edits: [{ type: 'compact_20260112' }] } },
      'an edit of type "compact_20260112"',
    ],
    ['a faster answer', { speed: 'fast' }, 'speed'],
    ['a dearer place', { inference_geo: 'us' }, 'inference_geo'],
  ])('%s', (_name, more, what) => expect(refused(more)).toBe(what));

  test('is told in words that name it, and repeat nothing else of what was said', () => {
    expect(notPassed({ 'what was said': 1 }, closed)?.message).toMatch(/^the field \(no plain name\) is not passed on/);
    expect(notPassed({ tools: [{ type: 'web_search_20250305' }] }, closed)?.message).toContain('"sandbox": {"webSearch": true}');
  });
});

describe('what passes', () => {
  test.each<[string, object]>([
    ['fields without anything in them', { mcp_servers: [], container: null, speed: 'standard', inference_geo: 'global' }],
    [
      'tools of the agent',
      { tools: [{ name: 'web_fetch', input_schema: {} }, { type: 'custom', name: 'x' }, { type: 'bash_20250124' }, { type: null }] },
    ],
    ['what a tool is given', { messages: [{ role: 'assistant', content: [{ type: 'tool_use', input: { source: url, type: 'x' } }] }] }],
    [
      'old results that are dropped',
      { context_management: { edits: [{ type: 'clear_tool_uses_20250919' }, { type: 'clear_thinking_20251015' }] } },
    ],
    [
      'all that Claude Code shows',
      {
        ...{
          stream: true,
          metadata: {},
          thinking: { type: 'adaptive', display: 'updates' },
          output_config: { effort: 'high' },
          temperature: 1,
        },
        system: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } }],
        tools: [{ name: 'WebFetch', description: 'x', input_schema: {}, defer_loading: true }],
        messages: [
          { role: 'system', content: 'x' },
          {
            role: 'user',
            content: [
              { type: 'tool_result', tool_use_id: 't', content: [{ type: 'tool_reference', tool_name: 'WebFetch' }] },
              { type: 'tool_result', content: [{ type: 'image', source: { type: 'base64', data: 'x' } }] },
              { type: 'tool_result', content: [{ type: 'document', source: { type: 'base64', data: 'x' } }] },
            ],
          },
          { role: 'assistant', content: [{ type: 'thinking' }, { type: 'redacted_thinking' }, { type: 'tool_use', input: {} }] },
          { role: 'system', content: [{ type: 'tool_addition', tool: { type: 'tool_reference', name: 'x' } }] },
        ],
      },
    ],
  ])('%s', (_name, more) => expect(refused(more)).toBeUndefined());

  test('searches where they are allowed, and what they have found', () => {
    const found = {
      role: 'assistant',
      content: [{ type: 'server_tool_use' }, { type: 'web_search_tool_result', content: [{ type: 'web_search_result', url: 'u' }] }],
    };
    const search = { tools: [{ type: 'web_search_20250305', max_uses: 8 }], messages: [found] };
    expect(refused(search, { webSearch: true })).toBeUndefined();
    const added = { type: 'tool_addition', tool: { type: 'tool_definition', definition: { type: 'web_search_20250305' } } };
    // It would not be counted.
    expect(refused(said(added), { webSearch: true })).toBe('a tool of type "web_search_20250305"');
    expect(refused({ tools: [{ type: 'web_fetch_20250910' }] }, { webSearch: true })).toBe('a tool of type "web_fetch_20250910"');
  });
});
