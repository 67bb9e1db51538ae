import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, request as requestHttp, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from 'cyrus-core/clock';
import { type Config, configSchema } from 'cyrus-core/config/schema';
import type { RunNetwork } from 'cyrus-core/ports/network';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { type ModelStandIn, startModel } from 'cyrus-stand-in-model/server';
import { createLedger } from 'cyrus-store/ledger';
import { silentLog } from 'cyrus-store/log';
import { releaseReservation } from 'cyrus-store/queries/reservation-release';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBudgetRules } from '../src/money/budget-rules.ts';
import { createNetworks, type Networks, type NetworkUser } from '../src/network/networks.ts';
import { runningAttempt } from './support/attempt-rows.ts';
import { bestSandbox, expectBubblewrap, sandboxes } from './support/hosts.ts';

let home: string;
let stored: TestDatabase;
let model: ModelStandIn;
let host: Server;
let port: number;
let networks: Networks | undefined;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'networks-'));
  stored = await testDatabase();
  model = await startModel({ apiKeys: ['real'], countTokens: true });
  host = createServer((_, response) => response.end('host')).listen(0, '127.0.0.1');
  await new Promise((resolve) => host.once('listening', resolve));
  ({ port } = host.address() as AddressInfo);
});
afterEach(async () => {
  await networks?.close();
  host.close();
  await model.close();
  await stored.stop();
  await rm(home, { recursive: true, force: true });
});

function made(sandbox: Sandbox, given: object = {}, environment: NodeJS.ProcessEnv = {}): Networks {
  const config: Config = configSchema.parse({ claude: { apiUrl: model.url, apiKey: 'real' }, budgets: { perTaskUsd: null }, ...given });
  const ledger = createLedger(
    stored.db,
    createBudgetRules(() => config),
  );
  networks = createNetworks({
    ...{ home, sandbox, config: () => config, ledger, db: stored.db, clock: systemClock, log: silentLog, environment },
  });
  return networks;
}
const user = (more: Partial<NetworkUser> = {}): NetworkUser => ({
  ...{
    runId: `networks-${process.pid}`,
    repositoryId: 'app',
    phase: 'agent',
    sessionId: null,
    planId: null,
    taskId: null,
    attemptId: null,
  },
  ...more,
});

/** What a program prints that is run there. */
async function printed(sandbox: Sandbox, { network, env, ready }: RunNetwork, program: string): Promise<string> {
  await ready;
  const readable = [dirname(dirname(process.execPath))];
  const run = sandbox.spawn({
    runId: 'printed',
    command: process.execPath,
    args: ['-e', program],
    cwd: '/',
    env,
    writable: [],
    readable,
    network,
  });
  let text = '';
  for (const stream of [run.child.stdout, run.child.stderr]) stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  run.child.stdin?.end();
  await run.exited;
  return text.trim();
}
const tunnel = (to: string): string =>
  `const p = new URL(process.env.HTTPS_PROXY); require('http').request({ host: p.hostname, port: p.port, method: 'CONNECT', path: '${to}' })
    .on('connect', (r) => { console.log(r.statusCode); process.exit(); }).on('error', (e) => console.log(e.code)).end()`;
const get = (url: string): string =>
  `require('http').get('${url}', (r) => r.on('data', (d) => console.log(String(d)))).on('error', (e) => console.log(e.code))`;

expectBubblewrap();

describe.runIf(bestSandbox.openNetwork !== undefined)('a closed network', () => {
  test('a port of the host that is listed is there under its number, others are not', async () => {
    const made_ = made(bestSandbox, { sandbox: { egress: [`localhost:${port}`] } });
    const door = made_.door(user());
    const network = await door.open({});
    expect(await printed(bestSandbox, network, get(`http://127.0.0.1:${port}/`))).toBe('host');
    expect(await printed(bestSandbox, network, get(model.url))).toBe('ECONNREFUSED');
    await door.close();
  });

  test('setup reaches the package registries, an agent only where they are listed; each says what was refused', async () => {
    // A registry by another name: what counts is which list is asked.
    const lists = {
      sandbox: { setupEgress: [`127.0.0.1:${port}`] },
      repositories: [{ id: 'app', remoteUrl: 'https://h/x', sandbox: { egress: ['10.9.8.7'] } }],
    };
    const all = made(bestSandbox, lists);
    const asked = await runningAttempt(stored.db, 'one');
    const ask = (phase: NetworkUser['phase'], to: string) =>
      all.use(user({ phase, attemptId: asked.attemptId, taskId: asked.taskId, planId: asked.planId }), (network) =>
        printed(bestSandbox, network, tunnel(to)),
      );
    expect(await ask('setup', `127.0.0.1:${port}`)).toBe('200');
    expect(await ask('agent', `127.0.0.1:${port}`)).toBe('403');
    expect(await ask('checks', 'elsewhere.example:443')).toBe('403');
    await expect
      .poll(
        async () => (await stored.db.query(`select payload, attempt_id from cyrus.event where type = 'network.refused' order by id`)).rows,
      )
      .toEqual([
        { payload: { host: '127.0.0.1', port, why: 'unlisted', phase: 'agent' }, attempt_id: asked.attemptId },
        { payload: { host: 'elsewhere.example', port: 443, why: 'unlisted', phase: 'checks' }, attempt_id: asked.attemptId },
      ]);
  });

  test('listed hosts are reached by the proxy of this host, which no run sees', async () => {
    const asked: (string | undefined)[] = [];
    const proxy = createServer().listen(0, '127.0.0.1');
    proxy.on('connect', (request, socket) => {
      asked.push(request.url, request.headers['proxy-authorization']);
      socket.end('HTTP/1.1 200 OK\r\n\r\n');
    });
    await once(proxy, 'listening');
    try {
      const url = `http://me:secret@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      const all = made(bestSandbox, { sandbox: { egress: ['93.184.216.34'] } }, { HTTPS_PROXY: url });
      const program = `console.log(JSON.stringify(process.env).includes('secret')); ${tunnel('93.184.216.34:443')}`;
      expect(await all.use(user(), (network) => printed(bestSandbox, network, program))).toBe('false\n200');
      expect(asked).toEqual(['93.184.216.34:443', `Basic ${Buffer.from('me:secret').toString('base64')}`]);
    } finally {
      proxy.close();
    }
  });

  test('the user’s own login reaches the hosts it needs, and no gateway is there', async () => {
    const door = made(bestSandbox).door(user());
    const network = await door.open({ hosts: [`127.0.0.1:${model.port}`] });
    expect(network.model).toBeUndefined();
    expect(await printed(bestSandbox, network, get(`${model.url}/v1/models`))).toContain('authentication_error');
    await door.close();
  });

  test('nothing of it is left when it is closed', async () => {
    const all = made(bestSandbox);
    const door = all.door(user());
    const network = await door.open({ model: true });
    await network.ready;
    expect(await readdir(join(home, 'run', String(process.pid)))).toEqual(['1']);
    await door.close();
    expect(await readdir(join(home, 'run', String(process.pid)))).toEqual([]);
    await expect(door.open({})).rejects.toThrow('closed');
    await all.close();
    expect(await readdir(join(home, 'run'))).toEqual([]);
  });

  test('sockets of a process that was killed are cleared away, those of a living one stay', async () => {
    await mkdir(join(home, 'run', '4194305', '1'), { recursive: true, mode: 0o700 });
    await mkdir(join(home, 'run', '1'), { mode: 0o700 });
    const door = made(bestSandbox).door(user());
    await door.open({});
    expect((await readdir(join(home, 'run'))).sort()).toEqual(['1', String(process.pid)]);
    await door.close();
  });

  test('so are those of a process before this one that had its id, as in a container', async () => {
    await mkdir(join(home, 'run', String(process.pid), '1', 'out'), { recursive: true, mode: 0o700 });
    await mkdir(join(home, 'run', String(process.pid), '2'), { mode: 0o700 });
    const door = made(bestSandbox).door(user());
    await door.open({});
    expect(await readdir(join(home, 'run', String(process.pid)))).toEqual(['1']);
    await door.close();
  });

  test('what stood in the way of the first network is forgotten once it is gone', async () => {
    const all = made(bestSandbox);
    const blocked = join(home, 'run');
    await writeFile(blocked, '');
    await expect(all.door(user()).open({})).rejects.toThrow('No network could be made for this run');
    await rm(blocked);
    const door = all.door(user());
    await door.open({});
    await door.close();
  });

  test('a home with a long path gets its sockets elsewhere', async () => {
    const short = home;
    home = join(home, 'a-long-name-'.repeat(8));
    await mkdir(home, { recursive: true });
    const door = made(bestSandbox).door(user());
    const network = await door.open({ model: true });
    expect(await printed(bestSandbox, network, get(`${network.model?.url}/v1/models`))).toContain('authentication_error');
    await door.close();
    home = short;
  });
});

test.each(sandboxes)('MCP servers are asked from outside, beside everything else, %s', async (_, sandbox) => {
  const door = made(sandbox, { sandbox: { egress: [`localhost:${port}`] } }).door(user());
  const mcpServers = { docs: { url: `http://127.0.0.1:${port}/`, headers: { authorization: 'mcp-secret' } } };
  const network = await door.open({ model: true, mcpServers });
  expect(await printed(sandbox, network, get(String(network.mcpServers?.['docs'])))).toBe('host');
  expect(await printed(sandbox, network, get(`${network.model?.url}/v1/models`))).toContain('authentication_error');
  expect(await printed(sandbox, network, get(`http://127.0.0.1:${port}/`))).toBe('host');
  expect(JSON.stringify([network.mcpServers, network.env, network.model])).not.toContain('mcp-secret');
  await door.close();
});

describe.each(sandboxes)('calls of the model, %s', (_, sandbox) => {
  test('are metered for their attempt, and show no key of the provider’s', async () => {
    const { attemptId } = await runningAttempt(stored.db, 'one');
    const door = made(sandbox).door(user({ attemptId }));
    const network = await door.open({ model: true });
    const body = JSON.stringify({
      model: 'claude-sonnet-4-5',
      max_tokens: 100,
      messages: [{ role: 'user', content: 'SCRIPT:[{"text":"Said."}]' }],
    });
    const program = `const r = require('http').request('${network.model?.url}/v1/messages', { method: 'POST', headers: { 'x-api-key': '${network.model?.key}' } }, (a) => a.on('data', (d) => console.log(String(d)))); r.end(${JSON.stringify(body)})`;
    expect(await printed(sandbox, network, program)).toContain('Said.');
    await door.close();
    const { rows } = await stored.db.query<{ trust: string; output: number; cost: number; prices: string }>(
      'select trust, output_tokens as output, cost, prices from cyrus.charge where attempt_id = $1',
      [attemptId],
    );
    expect(rows).toEqual([{ trust: 'gateway', output: 100, cost: expect.any(Number), prices: expect.stringContaining('genai-prices') }]);
    expect(model.requests().map(({ apiKey }) => apiKey)).toEqual(['real']);
    expect(network.model?.key).not.toContain('real');
  });
});

describe('a model without a price', () => {
  /** One call of it, as `config` has it: its status and text, what was charged, and what is shown. */
  async function called(
    config: object,
    name = 'one',
  ): Promise<{ status: number; text: string; charges: readonly unknown[]; shown: readonly unknown[] }> {
    const { attemptId } = await runningAttempt(stored.db, name);
    const door = made({ ...bestSandbox, openNetwork: undefined } as unknown as Sandbox, config).door(user({ attemptId }));
    const { model: way } = await door.open({ model: true });
    const body = { model: 'tomorrow', max_tokens: 100, messages: [{ role: 'user', content: 'SCRIPT:[{"text":"Said."}]' }] };
    const answer = await fetch(`${way?.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': way?.key ?? '' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    await door.close();
    const { rows: charges } = await stored.db.query('select cost::float, prices from cyrus.charge where attempt_id = $1', [attemptId]);
    if (answer.status === 200) return { status: 200, text, charges, shown: [] };
    const events = async () => (await stored.db.query(`select payload, attempt_id from cyrus.event where type = 'model.refused'`)).rows;
    await expect.poll(async () => (await events()).length).toBe(1);
    return { status: answer.status, text, charges, shown: await events() };
  }

  test('is refused while any budget is to hold it, and that is shown', async () => {
    const { status, text, charges, shown } = await called({ budgets: { perTaskUsd: null, perDayUsd: 50 } });
    expect(status).toBe(400);
    expect(text).toContain('The model tomorrow has no known price');
    expect(charges).toEqual([]);
    expect(shown).toEqual([
      { payload: { what: 'the model tomorrow', message: expect.stringContaining('claude.prices') }, attempt_id: expect.any(String) },
    ]);
  });

  test('is called without budgets, and by a subscription, and shown as unpriced', async () => {
    const without = { perTaskUsd: null, perDayUsd: null };
    expect(await called({ budgets: without })).toMatchObject({ status: 200, charges: [{ cost: null }] });
    const claude = { apiUrl: model.url, apiKey: 'real', billing: 'included' };
    expect(await called({ claude }, 'two')).toMatchObject({ status: 200, charges: [{ prices: expect.any(String) }] });
  });

  test('that the configuration prices is held and charged by that', async () => {
    const claude = { apiUrl: model.url, apiKey: 'real', prices: { tomorrow: { inputUsd: 0, outputUsd: 20 } } };
    const { status, charges } = await called({ claude });
    expect(status).toBe(200);
    expect(charges).toEqual([{ cost: 2_000, prices: expect.stringContaining('claude.prices') }]);
  });
});

/** A call through a unix socket; its status and text. */
function call(socket: string, key: string, maxTokens: number): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const steps = [{ text: 'x', usage: { output_tokens: 100_000 }, delay: 30 }];
    const body = {
      model: 'claude-sonnet-4-5',
      max_tokens: maxTokens,
      messages: [{ role: 'user', content: `SCRIPT:${JSON.stringify(steps)}` }],
    };
    const sent = requestHttp(
      { socketPath: socket, path: '/v1/messages', method: 'POST', agent: false, headers: { 'x-api-key': key } },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text }));
        answer.once('error', reject);
      },
    );
    sent.once('error', reject);
    sent.end(JSON.stringify(body));
  });
}

test('a network that cannot be made leaves none of its doors open', async () => {
  const connected: Socket[] = [];
  const broken: Sandbox = {
    ...bestSandbox,
    async openNetwork({ doors }) {
      // Doors open beside the network, not before it.
      for (const { socket } of doors) connected.push(await connection(socket));
      throw new Error('no namespace is left');
    },
  };
  const door = made(broken, { sandbox: { egress: [`localhost:${port}`] } }).door(user());
  await expect(door.open({ model: true })).rejects.toMatchObject({
    failure: { class: 'sandbox_lost', message: expect.stringContaining('no namespace is left') },
  });
  expect(connected).toHaveLength(3);
  const closed = Promise.all(connected.map((socket) => once(socket, 'close')));
  await door.close();
  await closed;
  expect(await readdir(join(home, 'run', String(process.pid)))).toEqual([]);
});

async function connection(path: string): Promise<Socket> {
  for (const until = Date.now() + 90_000; ; ) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return socket.resume();
    } catch (error) {
      if (Date.now() > until) throw error;
      await pause(5);
    }
  }
}

test('eight calls at once on the last $0.50 of a day: what is billed never passes it, and all of it is charged', async () => {
  const config = { budgets: { perDayUsd: 0.5, perTaskUsd: null, timeZone: 'UTC' } };
  const all = made({ ...bestSandbox, openNetwork: undefined } as unknown as Sandbox, config);
  const calls = await Promise.all(
    Array.from({ length: 8 }, async (_, n) => {
      const { attemptId } = await runningAttempt(stored.db, `one-${n}`);
      const door = all.door(user({ attemptId }));
      const { model: way } = await door.open({ model: true });
      const steps = [{ text: 'x', usage: { output_tokens: 100_000 }, delay: 30 }];
      const body = {
        model: 'claude-sonnet-4-5',
        max_tokens: 16_000,
        messages: [{ role: 'user', content: `SCRIPT:${JSON.stringify(steps)}` }],
      };
      const answer = await fetch(`${way?.url}/v1/messages`, {
        method: 'POST',
        headers: { 'x-api-key': way?.key ?? '' },
        body: JSON.stringify(body),
      });
      const text = await answer.text();
      await door.close();
      return { status: answer.status, billed: Number(/"output_tokens":(\d+)/.exec(text)?.[1] ?? 0) * 15 };
    }),
  );
  const billed = calls.reduce((sum, each) => sum + each.billed, 0);
  expect(calls.filter(({ status }) => ![200, 402, 503].includes(status))).toEqual([]);
  expect(billed).toBeGreaterThan(200_000);
  expect(billed).toBeLessThanOrEqual(500_000);
  const { rows } = await stored.db.query<{ cost: number }>('select coalesce(sum(cost), 0)::int as cost from cyrus.charge');
  expect(rows[0]?.cost).toBeGreaterThanOrEqual(billed);
  expect(rows[0]?.cost).toBeLessThanOrEqual(500_000);
});

test('kill -9 between the answer and its settling: the call is charged with its worst case', async () => {
  const { attemptId } = await runningAttempt(stored.db, 'one');
  const socket = join(home, 'model');
  const script = new URL('./support/gateway-process.ts', import.meta.url).pathname;
  const args = ['--conditions=cyrus-source', script, model.url, socket, JSON.stringify(stored.connection), attemptId];
  const gateway = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => gateway.once('exit', resolve));
  try {
    const ready = await new Promise<string>((resolve) => gateway.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())));
    expect((await call(socket, ready.trim().split(' ')[1] ?? '', 1_000)).status).toBe(200);
  } finally {
    gateway.kill('SIGKILL');
    await ended;
  }
  const { rows: open } = await stored.db.query<{ worst: number; settled: unknown }>(
    'select worst_case as worst, settled_at as settled from cyrus.call_intent',
  );
  expect(open).toEqual([{ worst: expect.any(Number), settled: null }]);
  expect(open[0]?.worst).toBeGreaterThan(15_000);
  await stored.db.query(`update cyrus.attempt set state = 'lost' where id = $1`, [attemptId]);
  await stored.db.tx((tx) => releaseReservation(tx, createBudgetRules(() => configSchema.parse({})).calendar, attemptId));
  const { rows } = await stored.db.query('select cost, worst_case as worst from cyrus.charge');
  expect(rows).toEqual([{ cost: open[0]?.worst, worst: true }]);
});
