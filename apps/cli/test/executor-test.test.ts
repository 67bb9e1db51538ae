import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scriptedAgent } from '../../../e2e/support/agent.ts';
import { bundle } from '../../../e2e/support/bundle.ts';
import { skipUnisolated } from '../../../e2e/support/isolation.ts';
import { shell } from '../../../e2e/support/model.ts';
import { plainEnvironment, type Ran, runToEnd } from '../../../e2e/support/program.ts';
import { type ModelStandIn, startModel } from '../../../stand-ins/model/src/server.ts';

/** Speaks the protocol, and says where it got to. */
function curious(port: number): { readonly command: string; readonly args: readonly string[] } {
  const program = `
    const http = require('node:http');
    const got = (...way) => new Promise((tell) => http.get(...way, (r) => tell(r.statusCode)).on('error', (e) => tell(e.code)));
    process.stdin.once('data', async () => {
      const direct = await got('http://127.0.0.1:${port}/');
      const proxied = process.env.HTTP_PROXY ? await got(process.env.HTTP_PROXY, { path: 'http://refused.example/' }) : 'no proxy';
      const result = { state: 'succeeded', output: 'direct ' + direct + ', proxied ' + proxied };
      process.stdout.write(JSON.stringify({ type: 'complete', result }) + '\\n', () => process.exit(0));
    });`;
  return { command: process.execPath, args: ['-e', program] };
}

let home: string;
let main: string;
let local: Server;
let model: ModelStandIn;
beforeAll(async () => {
  ({ main } = await bundle());
  home = await mkdtemp(join(tmpdir(), 'cyrus-executor-'));
  local = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  await new Promise((resolve) => local.once('listening', resolve));
  model = await startModel();
  const config = {
    allowUnsandboxed: true,
    claude: { apiUrl: model.url, apiKey: 'the-real-key' },
    executors: {
      mine: { ...scriptedAgent({ file: 'cyrus-test.txt' }), capabilities: { steer: false, cost: 'none' } },
      curious: curious((local.address() as AddressInfo).port),
    },
  };
  await writeFile(join(home, 'config.json'), JSON.stringify(config));
});
afterAll(async () => {
  local?.close();
  await model?.close();
  await rm(home, { recursive: true, force: true });
});

const cyrus = (...args: readonly string[]): Promise<Ran> =>
  runToEnd(process.execPath, [main, '--home', home, 'executor', 'test', ...args], { environment: plainEnvironment(), withinMs: 220_000 });

test('a configured executor: a line for each promise, 0 when all are kept', async () => {
  const { code, stdout, stderr } = await cyrus('mine', '--json');
  expect(stderr).toContain('Testing mine, isolation ');
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: readonly { name: string; state: string; detail: string }[] };
  expect(checks.filter(({ state }) => state === 'failed')).toEqual([]);
  expect({ ok, code }).toEqual({ ok: true, code: 0 });
  expect(checks.find(({ name }) => name === 'commits its work')?.state).toBe('passed');
});

test('a command: what is wrong and how to mend it, and 1', async () => {
  const { code, stdout } = await cyrus('--command', '/bin/echo "hello there"');
  expect(code).toBe(1);
  expect(stdout).toMatch(/✓ can be started[\s\S]*✗ does a task: .*is not JSON: hello there[\s\S]*fix: .*\n1 to mend\./);
});

const python = ['/usr/bin/python3', '/usr/local/bin/python3'].find((path) => existsSync(path));
test.skipIf(python === undefined)('a command as the documentation has it, with a script named from where one is', async () => {
  const { code, stdout } = await cyrus(
    '--command',
    `${python} ${relative(process.cwd(), fileURLToPath(new URL('../../../docs/examples/agent.py', import.meta.url)))}`,
  );
  expect(stdout).toContain('custom keeps the protocol.');
  expect(code).toBe(0);
});

test.skipIf(skipUnisolated)('its network is closed as that of attempts, and what it may not reach is told', async () => {
  const { stdout, stderr } = await cyrus('curious', '--json');
  const { network, checks } = JSON.parse(stdout) as { network: string; checks: readonly { name: string; detail: string }[] };
  expect(network).toBe('closed');
  expect(stderr).toContain('network closed: it reaches what sandbox.egress lists');
  expect(checks.find(({ name }) => name === 'does a task')?.detail).toBe('direct ECONNREFUSED, proxied 403');
  expect(stderr).toContain('network refused refused.example:80 (allow it with sandbox.egress)');
});

test('claude goes through the gateway: the model has the key, the agent has not', async () => {
  const look = 'if env | grep -q the-real-key; then exit 1; fi; echo hello > cyrus-test.txt; git add -A && git commit -q -m Hello';
  model.addScript({ match: 'Create the file cyrus-test.txt', steps: [shell(look), { text: 'Done.' }] });
  const { stdout } = await cyrus('claude', '--json');
  const { checks } = JSON.parse(stdout) as { checks: readonly { name: string; state: string; detail: string }[] };
  expect(checks.find(({ name }) => name === 'commits its work')).toMatchObject({ state: 'passed' });
  const calls = model.requests().filter(({ path }) => path === '/v1/messages');
  expect(new Set(calls.map(({ apiKey }) => apiKey))).toEqual(new Set(['the-real-key']));
});

test('what cannot be tested: 2, with what there is', async () => {
  expect(await cyrus()).toMatchObject({ code: 2 });
  expect(await cyrus('nobody')).toMatchObject({ code: 2, stderr: expect.stringContaining('There are: claude') });
});
