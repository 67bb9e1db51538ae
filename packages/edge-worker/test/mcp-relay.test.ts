/** The relay between an agent and MCP servers, over real connections. */
import { createServer, type IncomingMessage, request as requestHttp, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { type McpRelay, openMcpRelay } from '../src/mcp/relay.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A server that keeps what it is asked and answers by `answer`. */
async function upstream(
  answer: (request: Seen, response: ServerResponse) => void,
): Promise<{ readonly url: string; readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const server: Server = createServer((request, response) => {
    const taken = text(request).then((body) => {
      const one = { method: request.method, url: request.url, headers: request.headers, body };
      seen.push(one);
      answer(one, response);
    });
    taken.catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

async function relay(
  servers: Parameters<typeof openMcpRelay>[0]['servers'],
): Promise<McpRelay & { at(name: string): string; base: string }> {
  const opened = await openMcpRelay({ servers });
  closers.push(() => opened.close());
  const base = `http://127.0.0.1:${opened.port}`;
  return { ...opened, base, at: (name) => `${base}${opened.paths[name]}` };
}

const secret = 'Bearer the-secret';
const json = (response: ServerResponse, body: string): void =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end(body);

describe('a call', () => {
  test('goes to the address of the server, with its headers and those of the protocol alone', async () => {
    const { url, seen } = await upstream((_, response) =>
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's1', 'set-cookie': 'a=b' }).end('{"ok":true}'),
    );
    const { at } = await relay({ docs: { url: `${url}/mcp?tenant=1`, headers: { Authorization: secret, 'X-Scope': 'read' } } });
    const headers = {
      ...{ 'content-type': 'application/json', 'mcp-session-id': 's1', 'mcp-protocol-version': '2025-06-18', authorization: 'Bearer mine' },
      ...{ 'x-scope': 'write', 'x-other': 'x', cookie: 'c=d', 'x-forwarded-for': '1.1.1.1' },
    };
    const answer = await fetch(at('docs'), { method: 'POST', headers, body: '{"id":1}' });
    expect([answer.status, await answer.text()]).toEqual([200, '{"ok":true}']);
    expect([answer.headers.get('mcp-session-id'), answer.headers.get('set-cookie')]).toEqual(['s1', null]);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/mcp?tenant=1', body: '{"id":1}' });
    expect(seen[0]?.headers).toMatchObject({
      ...{ authorization: secret, 'x-scope': 'read', 'mcp-session-id': 's1', 'mcp-protocol-version': '2025-06-18' },
      ...{ 'content-type': 'application/json', 'content-length': '8', host: new URL(url).host },
    });
    for (const name of ['x-other', 'cookie', 'x-forwarded-for']) expect(seen[0]?.headers).not.toHaveProperty(name);
  });

  test('of events comes as they come, and ends at the server when the agent leaves', async () => {
    let left: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => {
      left = resolve;
    });
    const { url } = await upstream((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      response.once('close', () => left?.());
    });
    const { at } = await relay({ docs: { url } });
    const answer = await fetch(at('docs'), { headers: { accept: 'text/event-stream' } });
    const reader = answer.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: 1\n\n');
    await reader?.cancel();
    await gone;
  });
});

/** Paths that fetch would not send as they are. */
function raw(base: string, path: string, method = 'POST'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(base);
    requestHttp({ hostname, port, path, method }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

test('nothing but the addresses of the servers can be asked, and those only with the key', async () => {
  const { url, seen } = await upstream((_, response) => json(response, '{}'));
  const { at, base, paths } = await relay({ docs: { url: `${url}/mcp`, headers: { authorization: secret } } });
  const good = paths['docs'] ?? '';
  const tries = [
    ...[
      `${good}/`,
      `${good}/admin`,
      `${good}?x=1`,
      `${good}/../admin`,
      `${good}/%2e%2e/admin`,
      `/docs`,
      `/wrong/docs`,
      good.replace('docs', 'other'),
    ],
    ...[
      good.replace('docs', 'constructor'),
      good.replace('docs', '__proto__'),
      `${url}/admin`,
      '/',
      '//',
      '*',
      '/.well-known/oauth-protected-resource',
    ],
  ];
  for (const path of tries) expect([path, await raw(base, path)]).toEqual([path, 404]);
  for (const method of ['PUT', 'PATCH', 'OPTIONS']) expect(await raw(base, good, method)).toBe(404);
  expect(seen).toEqual([]);
  expect((await fetch(at('docs'), { method: 'POST', body: '{}' })).status).toBe(200);
  const another = await relay({ docs: { url } });
  expect(await raw(another.base, good)).toBe(404);
});

test('a server of the older transport is sent messages where it says, and nowhere else', async () => {
  const { url, seen } = await upstream(({ method }, response) => {
    if (method === 'POST') return void response.writeHead(202).end('Accepted');
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: endpoint\ndata: /messages/?session_id=abc\n\n');
  });
  const { at, base, paths } = await relay({ old: { type: 'sse', url: `${url}/sse`, headers: { authorization: secret } } });
  expect(await raw(base, `${paths['old']}/messages/?session_id=abc`)).toBe(404);
  const reader = (await fetch(at('old'))).body?.getReader();
  const told = new TextDecoder().decode((await reader?.read())?.value);
  const endpoint = /data: (\S+)/.exec(told)?.[1] ?? '';
  expect(endpoint).toBe(`${paths['old']}/messages/?session_id=abc`);
  expect((await fetch(new URL(endpoint, base), { method: 'POST', body: '{}' })).status).toBe(202);
  expect(await raw(base, `${paths['old']}/messages/?session_id=other`)).toBe(404);
  await reader?.cancel();
  expect(seen.map((one) => [one.method, one.url, one.headers.authorization])).toEqual([
    ['GET', '/sse', secret],
    ['POST', '/messages/?session_id=abc', secret],
  ]);
});

describe('what goes wrong is said without an address or a secret', () => {
  test('a server that has moved is not followed', async () => {
    const elsewhere = await upstream((_, response) => json(response, '{}'));
    const { url } = await upstream((_, response) => response.writeHead(307, { location: `${elsewhere.url}/mcp` }).end());
    const { at } = await relay({ docs: { url, headers: { authorization: secret } } });
    const answer = await fetch(at('docs'), { method: 'POST', body: '{}' });
    expect([answer.status, await answer.text()]).toEqual([
      502,
      expect.stringMatching(/^The MCP server docs has moved: its answer is 307\./),
    ]);
    expect(elsewhere.seen).toEqual([]);
  });

  test('a server that is away', async () => {
    const { at } = await relay({ docs: { url: 'http://127.0.0.1:9/mcp', headers: { authorization: secret } } });
    const answer = await fetch(at('docs'), { method: 'POST', body: '{}' });
    expect([answer.status, await answer.text()]).toEqual([502, 'The MCP server docs cannot be reached: ECONNREFUSED.']);
  });

  test.each([200, 307])('a server that breaks off in the middle of its answer (%s) breaks that answer alone', async (status) => {
    let breaks = true;
    const { url } = await upstream((_, response) => {
      if (!breaks) return json(response, '{}');
      response.writeHead(status, { 'content-type': 'application/json', location: '/', 'content-length': '100' });
      response.write('{', () => response.destroy());
    });
    const { at } = await relay({ docs: { url } });
    const text = fetch(at('docs'), { method: 'POST', body: '{}' }).then((answer) => answer.text());
    if (status === 200) await expect(text).rejects.toThrow();
    else expect(await text).toMatch(/has moved/);
    breaks = false;
    expect(await (await fetch(at('docs'), { method: 'POST', body: '{}' })).text()).toBe('{}');
  });

  test('a server that answers with a status that nobody has', async () => {
    const odd = createTcpServer((client) => {
      client.on('error', () => undefined);
      client.once('data', () => client.end('HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n'));
    });
    await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve));
    closers.push(() => void odd.close());
    const { at } = await relay({ docs: { url: `http://127.0.0.1:${(odd.address() as AddressInfo).port}` } });
    expect((await fetch(at('docs'), { method: 'POST', body: '{}' })).status).toBe(502);
  });

  test('a server that refuses the secret: its answer, without whom to log in with', async () => {
    const { url } = await upstream((_, response) =>
      response.writeHead(401, { 'www-authenticate': 'Bearer resource_metadata="x"' }).end('no'),
    );
    const { at } = await relay({ docs: { url, headers: { authorization: secret } } });
    const answer = await fetch(at('docs'), { method: 'POST', body: '{}' });
    expect([answer.status, await answer.text(), answer.headers.get('www-authenticate')]).toEqual([401, 'no', null]);
  });
});

test('a server is asked by the proxy of this host, where there is one', async () => {
  const { url, seen } = await upstream((_, response) => json(response, '{"ok":true}'));
  const tunnels: (string | undefined)[] = [];
  const proxy = createServer().on('connect', (request, client) => {
    tunnels.push(request.url);
    const outer = connect(Number(new URL(url).port), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(outer).pipe(client);
    });
    for (const socket of [client, outer]) socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  closers.push(() => void proxy.close());
  const way = { host: '127.0.0.1', port: (proxy.address() as AddressInfo).port, secure: false, authorization: undefined };
  const servers = { docs: { url: 'http://mcp.example/mcp', headers: { authorization: secret } } };
  const opened = await openMcpRelay({ servers, outer: () => way });
  closers.push(() => opened.close());
  const answer = await fetch(`http://127.0.0.1:${opened.port}${opened.paths['docs']}`, { method: 'POST', body: '{}' });
  expect([answer.status, await answer.text()]).toEqual([200, '{"ok":true}']);
  expect(tunnels).toEqual(['mcp.example:80']);
  expect(seen.map((one) => [one.url, one.headers.host, one.headers.authorization])).toEqual([['/mcp', 'mcp.example', secret]]);
});

test('it closes with calls under way', async () => {
  const { url, seen } = await upstream(() => undefined);
  const opened = await openMcpRelay({ servers: { docs: { url } } });
  const call = fetch(`http://127.0.0.1:${opened.port}${opened.paths['docs']}`, { method: 'POST', body: '{}' });
  await expect.poll(() => seen.length).toBe(1);
  await Promise.all([opened.close(), expect(call).rejects.toThrow()]);
});
