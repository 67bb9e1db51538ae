import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request as requestHttp, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { outerProxies } from '../src/egress/outer-proxy.ts';
import { type EgressOptions, type EgressProxy, openEgressProxy, type Refusal } from '../src/egress/proxy.ts';

let directory: string;
let site: Server;
let port: number;
let proxy: EgressProxy | undefined;
let refusals: Refusal[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'egress-'));
  refusals = [];
  site = createServer((request, response) => {
    response.setHeader(
      'x-seen',
      JSON.stringify([request.method, request.url, request.headers.host, request.headers['proxy-authorization']]),
    );
    request.pipe(response);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => site.once('listening', resolve));
  ({ port } = site.address() as AddressInfo);
});
afterEach(async () => {
  await proxy?.close();
  proxy = undefined;
  site.closeAllConnections();
  site.close();
  await rm(directory, { recursive: true, force: true });
});

const socket = (): string => join(directory, 'proxy');
async function open(allowed: readonly string[], more: Partial<EgressOptions> = {}): Promise<void> {
  proxy = await openEgressProxy({ allowed, socket: socket(), refused: (refusal) => refusals.push(refusal), ...more });
}

/** Opens a tunnel and asks through it: the answer to CONNECT, and what came after. */
function tunnelled(to: string, send = 'hello'): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = connect(socket());
    let text = '';
    client.setEncoding('utf8').on('data', (chunk: string) => {
      const established = !text.includes('\r\n\r\n') && chunk.includes(' 200 ');
      text += chunk;
      if (established)
        client.write(`POST /through HTTP/1.1\r\nhost: site\r\ncontent-length: ${send.length}\r\nconnection: close\r\n\r\n${send}`);
    });
    client.once('close', () => resolve(text));
    client.once('error', reject);
    client.write(`CONNECT ${to} HTTP/1.1\r\nhost: ${to}\r\n\r\n`);
  });
}

function plain(url: string, body = 'x'): Promise<{ status: number; seen: unknown; body: string }> {
  return new Promise((resolve, reject) => {
    const request = requestHttp(
      { socketPath: socket(), path: url, method: 'PUT', headers: { 'proxy-authorization': 'Basic eA==' } },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        answer.once('end', () =>
          resolve({ status: answer.statusCode ?? 0, seen: JSON.parse(String(answer.headers['x-seen'] ?? 'null')), body: text }),
        );
      },
    );
    request.once('error', reject);
    request.end(body);
  });
}

test('a listed host is reached by tunnel and by plain request, with what is sent and answered', async () => {
  await open([`127.0.0.1:${port}`]);
  const long = 'y'.repeat(300_000);
  const answer = await tunnelled(`127.0.0.1:${port}`, long);
  expect(answer).toMatch(/^HTTP\/1\.1 200 Connection established\r\n\r\nHTTP\/1\.1 200/);
  expect(answer).toContain(long.slice(0, 1000));
  expect(await plain(`http://127.0.0.1:${port}/a?b=c`)).toEqual({
    status: 200,
    seen: ['PUT', '/a?b=c', `127.0.0.1:${port}`, null],
    body: 'x',
  });
  expect(refusals).toEqual([]);
});

test('anything else is refused, said once, and says how to allow it', async () => {
  await open(['example.com']);
  for (let time = 0; time < 3; time++)
    expect(await tunnelled('evil.example:443')).toMatch(/ 403 [\s\S]*evil\.example:443 is not among[\s\S]*sandbox\.egress/);
  expect(await plain(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 403 });
  expect(refusals).toEqual([
    { host: 'evil.example', port: 443, why: 'unlisted' },
    { host: '127.0.0.1', port, why: 'unlisted' },
  ]);
});

test.each(['099', '000', '101'])('a host that answers with the status %s ends nothing but its own answer', async (status) => {
  const odd = createTcpServer((client) => {
    client.on('error', () => undefined);
    client.once('data', () => client.end(`HTTP/1.1 ${status} Odd\r\ncontent-length: 0\r\n\r\n`));
  }).listen(0, '127.0.0.1');
  await once(odd, 'listening');
  try {
    const { port: there } = odd.address() as AddressInfo;
    await open([`127.0.0.1:${there}`, `127.0.0.1:${port}`]);
    expect(await plain(`http://127.0.0.1:${there}/`)).toMatchObject({ status: 502 });
    expect(await plain(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200 });
  } finally {
    odd.close();
  }
});

describe('names with several addresses', () => {
  test('are reached by the first that answers, by tunnel and by plain request', async () => {
    // Nothing listens at the first one.
    await open([`many.corp:${port}`, `127.0.0.3:${port}`, `127.0.0.1:${port}`], { lookup: async () => ['127.0.0.3', '127.0.0.1'] });
    expect(await tunnelled(`many.corp:${port}`)).toMatch(/^HTTP\/1\.1 200 [\s\S]*hello/);
    expect(await plain(`http://many.corp:${port}/a`)).toMatchObject({ status: 200, seen: ['PUT', '/a', `many.corp:${port}`, null] });
  });

  // Other systems have no second address of their own without being told to.
  test.runIf(process.platform === 'linux')('are not reached by those that are private and not listed', async () => {
    let reached = 0;
    const hidden = createServer((_, response) => {
      reached++;
      response.end('hidden');
    }).listen(port, '127.0.0.9');
    await once(hidden, 'listening');
    try {
      await open([`many.corp:${port}`, `127.0.0.1:${port}`], { lookup: async () => ['127.0.0.9', '64:ff9b::7f00:9', '127.0.0.1'] });
      expect(await tunnelled(`many.corp:${port}`)).toMatch(/^HTTP\/1\.1 200 [\s\S]*hello/);
      expect(await plain(`http://many.corp:${port}/a`)).toMatchObject({ status: 200, body: 'x' });
      expect(reached).toBe(0);
      expect(refusals).toEqual([]);
    } finally {
      hidden.close();
    }
  });
});

describe('behind a proxy of the host', () => {
  const login = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  let outer: Server;
  let asked: [request: string, login: string | undefined][];
  let status: number;
  beforeEach(async () => {
    asked = [];
    status = 200;
    outer = createServer((request, response) => {
      asked.push([`${request.method} ${request.url}`, request.headers['proxy-authorization']]);
      response.setHeader('x-seen', '[]').end('plain');
    }).listen(0, '127.0.0.1');
    outer.on('connect', (request, client) => {
      asked.push([`CONNECT ${request.url}`, request.headers['proxy-authorization']]);
      client.on('error', () => undefined);
      if (status !== 200) return void client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      // Its own idea of where the name leads to.
      const inner = connect(port, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
      inner.on('error', () => client.destroy());
      inner.pipe(client);
      client.pipe(inner);
    });
    await once(outer, 'listening');
  });
  afterEach(() => {
    outer.closeAllConnections();
    outer.close();
  });
  const behind = (noProxy = '') => {
    const url = `http://me:secret@127.0.0.1:${(outer.address() as AddressInfo).port}`;
    return { outer: outerProxies({ HTTPS_PROXY: url, HTTP_PROXY: url, NO_PROXY: noProxy }) };
  };

  test('listed hosts are reached through it by their names, with its password, also those that only it knows', async () => {
    await open(['example.com', 'plain.example', 'inside.corp'], {
      ...behind(),
      lookup: (host) => (host === 'inside.corp' ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(['93.184.216.34'])),
    });
    expect(await tunnelled('example.com:443')).toMatch(/^HTTP\/1\.1 200 [\s\S]*hello/);
    expect(await tunnelled('inside.corp:443')).toMatch(/^HTTP\/1\.1 200 [\s\S]*hello/);
    expect(await plain('http://plain.example/a?b=c')).toMatchObject({ status: 200, body: 'plain' });
    expect(asked).toEqual([
      ['CONNECT example.com:443', login],
      ['CONNECT inside.corp:443', login],
      ['PUT http://plain.example/a?b=c', login],
    ]);
  });

  test('what is not listed, or leads to private addresses, is refused before it is asked', async () => {
    await open(['rebinding.example'], { ...behind(), lookup: async () => ['10.0.0.1', 'fd00::1'] });
    expect(await tunnelled('unlisted.example:443')).toMatch(/ 403 /);
    expect(await tunnelled('rebinding.example:443')).toMatch(/ 403 /);
    expect(await plain('http://rebinding.example/')).toMatchObject({ status: 403 });
    expect(asked).toEqual([]);
  });

  test.each([
    'evil.example#.example.com',
    'evil.example?.example.com',
    'evil.example\\\\.example.com',
    'me@evil.example.com',
    '%65vil.example.com',
  ])('it is not asked for what is no name: %s', async (name) => {
    await open(['*.example.com'], { ...behind(), lookup: () => Promise.reject(new Error('ENOTFOUND')) });
    expect(await tunnelled(`${name}:443`)).toMatch(/ 400 /);
    expect(await tunnelled('inside.example.com:443')).toMatch(/ 200 /);
    expect(asked).toEqual([['CONNECT inside.example.com:443', login]]);
  });

  test('what NO_PROXY names, and this host itself, is reached without it', async () => {
    await open([`direct.corp:${port}`, `127.0.0.1:${port}`], { ...behind('corp'), lookup: async () => ['127.0.0.1'] });
    expect(await tunnelled(`direct.corp:${port}`)).toMatch(/^HTTP\/1\.1 200 [\s\S]*hello/);
    expect(await tunnelled(`127.0.0.1:${port}`)).toMatch(/^HTTP\/1\.1 200 [\s\S]*hello/);
    expect(asked).toEqual([]);
  });

  test('its refusal is told without its address and password', async () => {
    status = 407;
    await open(['example.com'], { ...behind(), lookup: async () => ['93.184.216.34'] });
    const answer = await tunnelled('example.com:443');
    expect(answer).toMatch(/ 502 [\s\S]*example\.com cannot be reached: the proxy of this host says 407 \(HTTPS_PROXY/);
    expect(answer).not.toMatch(/secret|127\.0\.0\.1/);
  });
});

describe('names that lead to private addresses', () => {
  test('are refused, whatever the name service says of them next', async () => {
    const answers = [['127.0.0.1'], ['93.184.216.34']];
    await open([`rebinding.example:${port}`], { lookup: async () => answers.shift() ?? [] });
    expect(await tunnelled(`rebinding.example:${port}`)).toMatch(/ 403 /);
    expect(refusals).toEqual([{ host: 'rebinding.example', port, why: 'private' }]);
    expect(answers).toHaveLength(1);
  });

  test('are reached when the address itself is listed', async () => {
    let asked = 0;
    const lookup = async () => {
      asked++;
      return ['127.0.0.1'];
    };
    await open([`registry.corp:${port}`, `127.0.0.1:${port}`], { lookup });
    expect(await tunnelled(`registry.corp:${port}`)).toMatch(/^HTTP\/1\.1 200/);
    expect(asked).toBe(1);
  });

  test('a listed address does not open its other ports, nor other names to it', async () => {
    await open(['registry.corp:1', '127.0.0.1:1'], { lookup: async () => ['127.0.0.1'] });
    expect(await tunnelled(`registry.corp:${port}`)).toMatch(/ 403 /);
    expect(await tunnelled('other.corp:1')).toMatch(/ 403 /);
  });
});

test.each(['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '[::1]', '0.0.0.0', '2130706433', '0x7f.1', '169.254.169.254'])(
  'the host itself is not reached as %s',
  async (name) => {
    await open(['*.example.com', 'localhost', 'example.com']);
    expect(await tunnelled(`${name}:${port}`)).toMatch(/ (403|400) /);
  },
);

test('what cannot be resolved or reached is told as that', async () => {
  await open(['gone.example', '127.0.0.1:1'], { lookup: () => Promise.reject(new Error('ENOTFOUND')) });
  expect(await tunnelled('gone.example:443')).toMatch(/ 502 [\s\S]*name service/);
  expect(await tunnelled('127.0.0.1:1')).toMatch(/ 502 [\s\S]*cannot be reached/);
  expect(await plain('/only/a/path')).toMatchObject({ status: 400 });
  expect(refusals).toEqual([]);
});

test('closing ends the tunnels', async () => {
  await open([`127.0.0.1:${port}`]);
  const client = connect(socket());
  const closed = new Promise((resolve) => client.once('close', resolve));
  client.on('error', () => undefined);
  client.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\n\r\n`);
  await new Promise((resolve) => client.once('data', resolve));
  await proxy?.close();
  await closed;
  expect(client.destroyed).toBe(true);
});
