import { describe, expect, test } from 'vitest';
import { type McpFile, parseMcpFile } from './mcp.ts';
import type { ConfigError } from './parse.ts';

const environment = { TOKEN: 'tok-1234567', HOST: 'mcp.example.com', EMPTY: '', LINES: 'a\nb' };
const parse = (servers: object) => parseMcpFile(JSON.stringify({ mcpServers: servers }), '/etc/mcp.json', environment);
function read(servers: object): McpFile {
  const parsed = parse(servers);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
}
function mistakes(servers: object): readonly ConfigError[] {
  const parsed = parse(servers);
  if (parsed.ok) throw new Error('it was taken');
  return parsed.error;
}

describe('a server', () => {
  test.each<[string, object, object]>([
    ['with a command', { command: 'docs', args: ['--stdio'] }, { type: 'stdio', command: 'docs', args: ['--stdio'] }],
    ['with an address', { url: 'https://a.example/mcp' }, { type: 'http', url: 'https://a.example/mcp' }],
    ['of the older transport', { type: 'sse', url: 'http://localhost:1/sse' }, { type: 'sse', url: 'http://localhost:1/sse' }],
    ['named as others name it', { type: 'streamable-http', url: 'https://a.example' }, { type: 'http', url: 'https://a.example' }],
    ['with options', { command: 'x', timeout: 9000, alwaysLoad: true }, { type: 'stdio', command: 'x', timeout: 9000, alwaysLoad: true }],
  ])('%s', (_what, server, expected) => {
    expect(read({ docs: server })).toEqual({ servers: { docs: expected }, warnings: [], secrets: [] });
  });
});

describe('variables', () => {
  test('are filled in everywhere', () => {
    const { servers } = read({
      a: { command: '${HOST}', args: ['${TOKEN}', '${NONE:-other}', '$TOKEN'], env: { T: 'x-${TOKEN}-${HOST}' } },
      b: { url: 'https://${HOST}/${NONE:-}', headers: { Authorization: 'Bearer ${TOKEN}', Empty: '${EMPTY:-other}' } },
    });
    expect(servers).toEqual({
      a: {
        type: 'stdio',
        command: 'mcp.example.com',
        args: ['tok-1234567', 'other', '$TOKEN'],
        env: { T: 'x-tok-1234567-mcp.example.com' },
      },
      b: { type: 'http', url: 'https://mcp.example.com/', headers: { Authorization: 'Bearer tok-1234567', Empty: '' } },
    });
  });

  test('that are not set are named', () => {
    expect(mistakes({ b: { url: 'https://${NOWHERE}', headers: { 'X-Key': '${NO_KEY}' } } })).toEqual([
      {
        path: '/etc/mcp.json: mcpServers.b.url',
        value: '${NOWHERE}',
        allowed: 'a variable of the environment of Cyrus',
        fix: 'set NOWHERE where Cyrus is started, or write ${NOWHERE:-default}',
      },
      expect.objectContaining({ path: '/etc/mcp.json: mcpServers.b.headers.X-Key', value: '${NO_KEY}' }),
    ]);
  });
});

test.each<[string, object, string, RegExp, RegExp]>([
  ['neither a command nor an address', { a: {} }, 'mcpServers.a.command', /a text/, /add "command"/],
  ['both', { a: { command: 'x', url: 'https://x', type: 'http' } }, 'mcpServers.a', /a "command", or a "url"/, /take one/],
  ['an address of a program', { a: { type: 'stdio', url: 'https://x' } }, 'mcpServers.a.type', /"http" or "sse"/, /change the type/],
  ['a transport that nobody knows', { a: { type: 'ws', url: 'https://x' } }, 'mcpServers.a.type', /"http", "sse"/, /choose/],
  ['no address', { a: { url: 'mcp.example.com' } }, 'mcpServers.a.url', /https:\/\//, /change/],
  ['a password in an address', { a: { url: 'https://u:hunter22@x' } }, 'mcpServers.a.url', /without a user/, /change/],
  ['a number as an argument', { a: { command: 'x', args: [1] } }, 'mcpServers.a.args[0]', /a text/, /quotes/],
  ['a number as a variable', { a: { command: 'x', env: { PORT: 1 } } }, 'mcpServers.a.env.PORT', /a text/, /quotes/],
  ['a header in two lines', { a: { url: 'https://x', headers: { K: '${LINES}' } } }, 'mcpServers.a.headers.K', /one line/, /change/],
  ['a name with a space', { 'my server': { command: 'x' } }, 'mcpServers["my server"]', /a name of letters/, /another name/],
  ['a name that rules cannot tell', { a__b: { command: 'x' } }, 'mcpServers.a__b', /single underscores/, /another name/],
  ['no object', { a: 'npx server' }, 'mcpServers.a', /an object/, /"command"/],
])('%s is refused with its place and what to do', (_what, servers, path, allowed, fix) => {
  const [first, ...more] = mistakes(servers);
  expect(first?.path).toBe(`/etc/mcp.json: ${path}`);
  expect(first?.allowed).toMatch(allowed);
  expect(first?.fix).toMatch(fix);
  expect(more).toEqual([]);
});

test('no mistake shows a secret', () => {
  const told = mistakes({
    a: { url: 'not-an-address-s3cr3t', headers: { Authorization: ['s3cr3t'] } },
    b: { command: 'x', env: { KEY: 53717, T: ['s3cr3t'] }, args: [53717] },
  });
  expect(told).toHaveLength(5);
  expect(JSON.stringify(told)).not.toMatch(/s3cr3t|53717/);
});

test.each([
  ['no JSON', '{"mcpServers": {', '/etc/mcp.json, line 1, column 17'],
  ['another shape', '{"servers": {}}', '/etc/mcp.json: mcpServers'],
  ['a list', '[]', '/etc/mcp.json: mcpServers'],
])('a file of %s', (_what, text, path) => {
  const parsed = parseMcpFile(text, '/etc/mcp.json', {});
  expect(parsed.ok ? [] : parsed.error.map((mistake) => mistake.path)).toEqual([path]);
});

test('what has no effect is warned of: keys of other programs, and a server that would hide tools of Cyrus', () => {
  const { servers, warnings } = read({ linear: { url: 'https://mcp.linear.app/mcp' }, a: { command: 'x', oauth: {} } });
  expect(Object.keys(servers)).toEqual(['a']);
  expect(warnings).toEqual([
    { path: '/etc/mcp.json: mcpServers.linear', message: expect.stringContaining('agents have tools of Cyrus under this name') },
    { path: '/etc/mcp.json: mcpServers.a.oauth', message: 'is not used here and has no effect' },
  ]);
});

test('secrets are what is called so, without what stands before a token', () => {
  const { secrets } = read({
    a: { command: 'x', args: ['${TOKEN}'], env: { LOG_LEVEL: 'information', GITHUB_TOKEN: 'gh-inline' } },
    b: {
      url: 'https://x/mcp?api_key=in-url&page=1',
      headers: { Authorization: 'Bearer inline-1', 'X-Api-Key': 'inline-2', 'X-Org': 'acme' },
    },
  });
  expect([...secrets].sort()).toEqual(['gh-inline', 'in-url', 'inline-1', 'inline-2', 'tok-1234567']);
});
