import type { NetworkNeeds, RunNetwork } from 'cyrus-core/ports/network';
import { expect, test } from 'vitest';
import type { ExecutionRequest } from './executor.ts';
import { mcpServersOf, openRunNetwork } from './mcp-servers.ts';

const servers = {
  docs: { type: 'http', url: 'https://mcp.example.com/mcp', headers: { Authorization: 'Bearer s3cret' }, timeout: 9 },
  old: { type: 'sse', url: 'https://mcp.example.com/sse?key=s3cret' },
  notes: { type: 'stdio', command: 'notes', env: { A: 'b' } },
};
const request = (more: Partial<ExecutionRequest>): ExecutionRequest => ({
  ...{ prompt: 'Hi.', workingDirectory: '/w', readable: [], timeoutMs: 1 },
  conversation: { id: 'c', resume: false, directory: '/c' },
  ...more,
});

/** A network that notes what it was asked for, and is ready when it is told. */
function network(inside: Readonly<Record<string, string>> | undefined) {
  const asked: NetworkNeeds[] = [];
  let tell: (() => void) | undefined;
  const ready = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const opened: RunNetwork = { network: 'open', env: {}, ready, ...(inside ? { mcpServers: inside } : {}) };
  const open = async (needs: NetworkNeeds): Promise<RunNetwork> => {
    asked.push(needs);
    return opened;
  };
  return { door: { open }, asked, opened, becomeReady: () => tell?.() };
}

test('servers with an address are asked for through the network, and known by what it answers', async () => {
  const inside = { docs: 'http://127.0.0.1:1/k/docs', old: 'http://127.0.0.1:1/k/old' };
  const { door, asked, opened, becomeReady } = network(inside);
  const opening = openRunNetwork(request({ mcpConfig: { mcpServers: servers }, network: door }), { model: true });
  let known = false;
  void opening.then(() => {
    known = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(known).toBe(false);
  becomeReady();
  expect(await opening).toEqual({
    network: opened,
    mcpServers: {
      docs: { type: 'http', url: inside.docs, timeout: 9 },
      old: { type: 'sse', url: inside.old },
      notes: servers.notes,
    },
  });
  const { docs, old } = servers;
  expect(asked).toEqual([
    { model: true, mcpServers: { docs: { type: 'http', url: docs.url, headers: docs.headers }, old: { ...old, headers: {} } } },
  ]);
});

test('without such servers nothing is asked for and nothing waited for', async () => {
  const { door, asked, opened } = network(undefined);
  const { notes } = servers;
  const mcpServers = { notes };
  expect(await openRunNetwork(request({ mcpConfig: { mcpServers }, network: door }), {})).toEqual({ network: opened, mcpServers });
  expect(asked).toEqual([{}]);
  expect(await openRunNetwork(request({}), {})).toEqual({ network: undefined, mcpServers: {} });
});

test('without a network of the request servers are as they are', async () => {
  expect(await openRunNetwork(request({ mcpConfig: servers }), {})).toEqual({ network: undefined, mcpServers: servers });
});

test('servers by name, or a whole file; what is no server is left out', () => {
  expect(mcpServersOf({ a: { command: 'x' }, b: 1, c: null })).toEqual({ a: { command: 'x' } });
  expect(mcpServersOf({ mcpServers: { a: { command: 'x' } } })).toEqual({ a: { command: 'x' } });
  expect(mcpServersOf(undefined)).toEqual({});
});
