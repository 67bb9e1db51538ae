import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { skipUnisolated } from './support/isolation.ts';
import { commit, shell } from './support/model.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const keys = ['e2e-model-key', 'e2e-github-token', 'lin_oauth_app', 'e2e-webhook-secret'];

/** What it is to come to: the one port that is listed, and refusals. */
const nothing = {
  ...{ env: [], inProcesses: [], sockets: [], others: 0, closed: 'no', listed: 'reached', dns: 'no', resolve: 'no' },
  ...{ unlisted: 403, loopback: 403, metadata: 403 },
};

/** What a hostile program of a repository tries. It writes down what it came to. */
const probe = `import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import dns from 'node:dns/promises';
import http from 'node:http';
import net from 'node:net';
const [, , phase, closed, listed] = process.argv;
const proxy = process.env.HTTPS_PROXY && new URL(process.env.HTTPS_PROXY);
const reach = (port, host) => new Promise((done) => {
  const socket = net.connect({ port: Number(port), host, timeout: 3000 });
  socket.on('connect', () => socket.end('GET / HTTP/1.0\\r\\n\\r\\n'));
  let text = '';
  socket.on('data', (chunk) => (text += chunk));
  socket.on('close', () => done(text.includes('canary') ? 'reached' : 'no'));
  socket.on('timeout', () => socket.destroy());
  socket.on('error', () => done('no'));
});
const tunnel = (to) => !proxy ? 'no proxy' : new Promise((done) => {
  const request = http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: to });
  request.on('connect', (answer, socket) => { socket.destroy(); done(answer.statusCode); });
  request.on('response', (answer) => { answer.resume(); done(answer.statusCode); });
  request.on('error', (error) => done(error.code));
  request.end();
});
const found = (text) => ${JSON.stringify(keys)}.filter((key) => text.includes(key));
const inProcesses = readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).flatMap((pid) => ['environ', 'cmdline'].flatMap((file) => {
  try { return found(readFileSync('/proc/' + pid + '/' + file, 'utf8')); } catch { return []; }
}));
const sockets = [];
(function look(directory, depth) {
  let entries = [];
  try { entries = readdirSync(directory, { withFileTypes: true }); } catch {}
  for (const entry of entries) {
    const path = directory + '/' + entry.name;
    if (entry.isSocket()) sockets.push(path);
    else if (entry.isDirectory() && depth < 4 && !/^\\/(proc|sys|usr)$/.test(path)) look(path, depth + 1);
  }
})('', 0);
const others = Object.values((await import('node:os')).networkInterfaces()).flat().filter((one) => !one.internal).length;
const result = {
  env: found(JSON.stringify(process.env)), inProcesses, sockets, others,
  closed: await reach(closed, '127.0.0.1'), listed: await reach(listed, '127.0.0.1'),
  dns: await dns.lookup('example.com').then(() => 'resolved', () => 'no'), resolve: await dns.resolve4('example.com').then(() => 'resolved', () => 'no'),
  unlisted: await tunnel('unlisted-' + phase + '.example:443'), loopback: await tunnel('127.0.0.1:' + closed), metadata: await tunnel('169.254.169.254:80'),
};
writeFileSync(phase + '.json', JSON.stringify(result));
console.log(phase + ' ' + JSON.stringify(result));
if (phase === 'checks' && JSON.stringify(result) !== '${JSON.stringify(nothing)}') process.exit(1);
`;

let world: World;
let canaries: Server[];
let ports: number[];
beforeAll(async () => {
  if (skipUnisolated) return;
  canaries = await Promise.all(
    [1, 2].map(async () => {
      const server = createServer((_, response) => response.end('canary')).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      return server;
    }),
  );
  ports = canaries.map((server) => (server.address() as AddressInfo).port);
  const run = (phase: string): string => `node probe.mjs ${phase} ${ports.join(' ')}`;
  world = await World.open({
    repositories: { app: { 'probe.mjs': probe, 'README.md': 'x\n' } },
    config: { allowUnsandboxed: false, sandbox: { egress: [`127.0.0.1:${ports[1]}`] } },
    repositoryConfig: {
      app: { setup: { command: run('setup') }, verify: { commands: [`${run('checks')} `] } },
    },
  });
});
afterAll(async () => {
  for (const canary of canaries ?? []) canary.close();
  await world?.close();
});

describe.skipIf(skipUnisolated)('a closed network', () => {
  test('setup, the agent and the checks reach what is listed and nothing else; what was refused is shown', async () => {
    await world.model.script('Look outside', [
      shell(`node probe.mjs agent ${ports.join(' ')} && mkdir -p found && cp setup.json agent.json found/`),
      shell(`env > found/env.txt; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n' > found/processes.txt; true`),
      shell(
        `curl -s -m 5 -o /dev/null -w '%{http_code}\\n' "$ANTHROPIC_BASE_URL/v1/models" -H "x-api-key: $ANTHROPIC_API_KEY" > found/gateway.txt || node -e "fetch(process.env.ANTHROPIC_BASE_URL+'/v1/models',{headers:{'x-api-key':process.env.ANTHROPIC_API_KEY}}).then(r=>console.log(r.status))" > found/gateway.txt`,
      ),
      shell(
        `node -e "fetch(process.env.ANTHROPIC_BASE_URL+'/v1/messages',{method:'POST',headers:{'x-api-key':process.env.ANTHROPIC_API_KEY},body:JSON.stringify({model:'claude-sonnet-5',max_tokens:9,messages:[],mcp_servers:[{type:'url',url:'https://evil.example'}]})}).then(r=>console.log(r.status))" > found/servers.txt`,
      ),
      { tool: 'WebSearch', input: { query: 'what nobody outside is to know' } },
      commit('What I found'),
      { text: 'Looked.' },
    ]);
    const issue = await world.linear.assign({ title: 'Look outside', labels: ['Feature'] });
    const { body } = await world.linear.closing(issue);
    // The checks have judged for themselves.
    expect(body).toMatch(/^✅ Looked\./);
    const [pull] = await world.github.pulls('app', issue);
    const file = (name: string) => world.github.git('app', 'show', `${pull?.head}:found/${name}`);
    expect(JSON.parse(await file('setup.json'))).toEqual(nothing);
    expect(JSON.parse(await file('agent.json'))).toEqual(nothing);
    for (const key of keys) expect(`${await file('env.txt')}${await file('processes.txt')}`).not.toContain(key);
    expect(await file('gateway.txt')).toBe('404\n');
    expect(await file('servers.txt')).toBe('400\n');

    const phases = ['setup', 'agent', 'checks'];
    const told = (text: string) => phases.map((phase) => text.split(`network refused unlisted-${phase}.example:443`).length - 1);
    const logs = await until('every refusal to be shown', async () => {
      const { stdout } = await world.cyrus('logs', issue);
      return told(stdout).reduce((sum, count) => sum + count) >= 4 && stdout;
    });
    // Once in each network: setup runs for the agent, and again for the checks.
    expect(told(logs)).toEqual([2, 1, 1]);
    expect(logs).toMatch(/network refused unlisted-agent\.example:443 \(allow it with sandbox\.egress\)/);
    expect(logs).toMatch(/model refused: the field "mcp_servers" is not passed on/);
    expect(logs).toMatch(/model refused: Searching the web is not allowed here; .*webSearch/);
    expect(logs).toMatch(/network refused unlisted-setup\.example:443 \(allow it with sandbox\.setupEgress\)/);
  });
});
