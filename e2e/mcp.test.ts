import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mcpProgram } from '../packages/claude-runner/test/mcp-program.ts';
import { skipUnisolated } from './support/isolation.ts';
import { commit, type Step, shell } from './support/model.ts';
import { plainRepository, World } from './support/world.ts';

const headerSecret = 'header-secret-of-the-docs-server';
const variableSecret = 'variable-secret-of-the-notes-server';
const say = (server: string, words: string): Step => ({ tool: `mcp__${server}__say`, input: { words } });

/** A server of streamable HTTP with one tool, which answers whoever shows the secret. */
function docsServer(calls: string[]): Server {
  const results: Readonly<Record<string, (params: { arguments?: { words?: string } }) => object>> = {
    initialize: () => ({ protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'docs', version: '1' } }),
    'tools/list': () => ({ tools: [{ name: 'say', description: 'Says it', inputSchema: { type: 'object', properties: {} } }] }),
    'tools/call': (params) => ({ content: [{ type: 'text', text: `The docs say ${params.arguments?.words}.` }] }),
  };
  return createServer((request, response) => {
    const taken = text(request).then((body) => {
      calls.push(`${request.method} ${request.url} ${request.headers.authorization === `Bearer ${headerSecret}` ? 'shown' : 'not shown'}`);
      if (request.headers.authorization !== `Bearer ${headerSecret}`) return response.writeHead(401).end('who are you?');
      if (request.method !== 'POST') return response.writeHead(405).end();
      const { id, method, params = {} } = JSON.parse(body) as { id?: number; method: string; params?: object };
      const result = results[method]?.(params);
      if (id === undefined || !result) return response.writeHead(202).end();
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    });
    taken.catch(() => response.destroy());
  });
}

let world: World;
let directory: string;
let server: Server;
let port: number;
const calls: string[] = [];
beforeAll(async () => {
  if (skipUnisolated) return;
  directory = await mkdtemp(join(tmpdir(), 'cyrus-e2e-mcp-'));
  server = docsServer(calls).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  ({ port } = server.address() as AddressInfo);
  const tools = join(directory, 'tools');
  await mkdir(tools);
  await writeFile(join(tools, 'notes.mjs'), mcpProgram("'The notes say ' + input.words + ', by ' + process.env.NOTES_TOKEN"));
  const docs = { type: 'http', url: `http://127.0.0.1:${port}/mcp?tenant=1`, headers: { Authorization: 'Bearer ${DOCS_TOKEN}' } };
  const notes = { command: 'node', args: [join(tools, 'notes.mjs')], env: { NOTES_TOKEN: variableSecret } };
  const files = { one: { docs: { ...docs, url: 'http://127.0.0.1:9/' }, notes }, two: { docs }, broken: { docs: { type: 'http' } } };
  for (const [name, mcpServers] of Object.entries(files)) await writeFile(join(directory, `${name}.json`), JSON.stringify({ mcpServers }));
  world = await World.open({
    repositories: { app: plainRepository, broken: plainRepository },
    config: { allowUnsandboxed: false, sandbox: { readable: [tools] } },
    repositoryConfig: {
      app: { mcpConfigPath: ['one', 'two'].map((name) => join(directory, `${name}.json`)) },
      broken: { mcpConfigPath: join(directory, 'broken.json') },
    },
    environment: { DOCS_TOKEN: headerSecret },
  });
});
afterAll(async () => {
  await world?.close();
  server?.closeAllConnections();
  server?.close();
  if (directory) await rm(directory, { recursive: true, force: true });
});

describe.skipIf(skipUnisolated)('MCP servers of a repository', () => {
  test('are there for the agent in its sandbox; what a header holds is not', async () => {
    const { linear, github, model } = world;
    const title = 'Ask around';
    const told =
      "on('connect', (a, s) => { s?.destroy(); console.log(a?.statusCode ?? 'reached'); }).on('error', (e) => console.log(e.code))";
    const tunnel = `const p = new URL(process.env.HTTP_PROXY); require('http').request({ host: p.hostname, port: p.port, method: 'CONNECT', path: '127.0.0.1:${port}' }).${told}.end()`;
    const connection = `require('net').connect(${port}, '127.0.0.1').${told}`;
    await model.script(title, [
      say('docs', 'hello'),
      say('notes', 'hello'),
      // Whatever the agent can read: its variables and those of what runs beside it, and every file that may be its own.
      shell(
        `mkdir found; { env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; } 2>/dev/null | tr '\\0' '\\n' > found/processes.txt; true`,
      ),
      shell(
        `grep -rhoaE '(header|variable)-secret-of-the-[a-z]+-server' "$HOME" "$TMPDIR" /run . 2>/dev/null | sort -u > found/files.txt; true`,
      ),
      // The server itself is out of reach: only what asks it is there.
      shell(`node -e "${tunnel}" > found/direct.txt; node -e "${connection}" > found/port.txt; true`),
      commit('What I found'),
      { text: 'Asked.' },
    ]);
    const issue = await linear.assign({ title, description: '[repo=app]' });
    expect((await linear.closing(issue, 1, 90_000)).body).toMatch(/^✅ Asked\./);
    const events = (await world.cyrus('logs', issue, '--json')).stdout;
    expect(events).toContain('The docs say hello.');
    expect(events).toContain('The notes say hello, by [redacted]');
    expect(calls.every((call) => /^\w+ \/mcp\?tenant=1 shown$/.test(call))).toBe(true);

    const [pull] = await github.pulls('app', issue);
    const file = (name: string) => github.git('app', 'show', `${pull?.head}:found/${name}`);
    const processes = await file('processes.txt');
    expect(processes).toContain('ANTHROPIC_BASE_URL=');
    expect(processes).not.toContain(headerSecret);
    expect(await file('files.txt')).not.toContain(headerSecret);
    expect([await file('direct.txt'), await file('port.txt')]).toEqual(['403\n', 'ECONNREFUSED\n']);
    for (const secret of [headerSecret, variableSecret]) expect(events + world.service.stderr()).not.toContain(secret);
  });

  test('with a mistake end the work before it begins, with what to mend', async () => {
    const { linear, model } = world;
    const issue = await linear.assign({ title: 'Nothing to ask', description: '[repo=broken]' });
    const answer = await linear.closing(issue);
    expect(answer.type).toBe('error');
    expect(answer.body).toContain('broken.json: mcpServers.docs.url is nothing');
    expect(answer.body).toContain('cyrus config validate');
    expect(await model.requestsAbout('Nothing to ask')).toEqual([]);

    const validate = await world.cyrus('config', 'validate', '--json');
    expect(validate.code).toBe(78);
    const { errors } = JSON.parse(validate.stdout) as { readonly errors: readonly { readonly path: string; readonly fix: string }[] };
    expect(errors).toEqual([expect.objectContaining({ path: `${join(directory, 'broken.json')}: mcpServers.docs.url`, fix: 'add "url"' })]);
    const doctor = JSON.parse((await world.cyrus('doctor', '--json')).stdout) as {
      readonly findings: readonly { readonly name: string }[];
    };
    expect(doctor.findings.filter(({ name }) => name.startsWith('MCP servers'))).toEqual([
      expect.objectContaining({
        state: 'ok',
        name: 'MCP servers of app',
        detail: `docs (asked from outside: 127.0.0.1:${port}), notes (started in the sandbox: node)`,
      }),
      expect.objectContaining({ state: 'error', name: 'MCP servers of broken' }),
    ]);
    // Mended, it goes on where it was asked to.
    await writeFile(join(directory, 'broken.json'), JSON.stringify({ mcpServers: {} }));
    await model.script('Nothing to ask', [shell('echo x > x.txt'), commit('Add x'), { text: 'Done after all.' }]);
    await linear.say(issue, 'Try again, please.');
    expect((await linear.closing(issue, 2, 90_000)).body).toMatch(/^✅ Done after all\./);
  });
});
