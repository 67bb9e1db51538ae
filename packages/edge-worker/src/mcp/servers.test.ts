import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configSchema } from 'cyrus-core/config/schema';
import { FailureError } from 'cyrus-core/failure';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadServers } from './load-servers.ts';
import { createMcpServers } from './servers.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'cyrus-mcp-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const write = (name: string, mcpServers: object): Promise<void> => writeFile(join(home, name), JSON.stringify({ mcpServers }));
const load = async (mcpConfigPath: string | string[]) => {
  const loaded = await loadServers(home, { mcpConfigPath }, {});
  return loaded.ok ? loaded.value : loaded.error;
};

test('of several files the later counts, server by server', async () => {
  await write('one.json', { a: { command: 'one', env: { X: 'y' } }, b: { command: 'one' } });
  await write('two.json', { a: { command: 'two' }, c: { url: 'http://127.0.0.1:1/' } });
  expect(await load(['one.json', join(home, 'two.json')])).toMatchObject({
    servers: {
      a: { type: 'stdio', command: 'two' },
      b: { type: 'stdio', command: 'one' },
      c: { type: 'http', url: 'http://127.0.0.1:1/' },
    },
    warnings: [],
  });
  expect(await load([])).toMatchObject({ servers: {} });
});

test('the mistakes of all files are told, and a file that is not there is one', async () => {
  await write('wrong.json', { a: {}, b: { url: 'x' } });
  await writeFile(join(home, 'text.json'), 'hello');
  expect(await load(['wrong.json', 'none.json', '.', 'text.json'])).toEqual([
    expect.objectContaining({ path: `${join(home, 'wrong.json')}: mcpServers.a.command` }),
    expect.objectContaining({ path: `${join(home, 'wrong.json')}: mcpServers.b.url` }),
    expect.objectContaining({ path: join(home, 'none.json'), value: 'no file', fix: expect.stringContaining('mcpConfigPath') }),
    expect.objectContaining({ path: home, value: 'EISDIR' }),
    expect.objectContaining({ path: `${join(home, 'text.json')}, line 1, column 1` }),
  ]);
});

test('what agents can write is not read, by a link either', async () => {
  const checkout = join(home, 'checkouts', 'task', 'app');
  await mkdir(checkout, { recursive: true });
  await writeFile(join(checkout, '.mcp.json'), '{"mcpServers": {"evil": {"command": "touch"}}}');
  await symlink(join(checkout, '.mcp.json'), join(home, 'link.json'));
  for (const path of ['checkouts/task/app/.mcp.json', 'link.json'])
    expect(await load(path)).toEqual([expect.objectContaining({ value: 'a file that agents can write' })]);
});

test('files are read as they are now; secrets of what they were stay known', async () => {
  const config = configSchema.parse({
    repositories: [
      { id: 'app', repositoryPath: '/r', mcpConfigPath: 'mcp.json' },
      { id: 'bare', repositoryPath: '/r' },
    ],
  });
  const mcp = createMcpServers({ home, config: () => config, environment: { API_TOKEN: 'the-first-one' } });
  await write('mcp.json', { a: { command: 'x', args: ['${API_TOKEN}'] } });
  expect(await mcp.of('app')).toEqual({ a: { type: 'stdio', command: 'x', args: ['the-first-one'] } });
  await write('mcp.json', { a: { url: 'http://x/', headers: { 'x-api-key': 'the-second-one' } } });
  expect(await mcp.of('app')).toMatchObject({ a: { type: 'http' } });
  expect([...mcp.secrets()]).toEqual(['the-first-one', 'the-second-one']);
  expect([await mcp.of('bare'), await mcp.of('unknown'), await mcp.of(undefined)]).toEqual([undefined, undefined, undefined]);
  await rm(join(home, 'mcp.json'));
  const error = await mcp.of('app').catch((thrown: unknown) => thrown);
  if (!(error instanceof FailureError)) throw new Error('no failure');
  expect(error.failure).toMatchObject({
    class: 'invalid_request',
    message: expect.stringMatching(
      /^The MCP servers of the repository app cannot be used: .*mcp\.json is no file, allowed is a file of yours/,
    ),
    fix: expect.stringMatching(/^make the file, .*\. cyrus config validate shows every mistake\./),
  });
});
