import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from 'cyrus-core/clock';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CustomExecutorOptions, createCustomExecutor } from '../src/custom-executor.ts';
import { type KitCheck, testExecutor } from '../src/test-kit.ts';

const sandbox = createSandbox({ isolation: 'none', clock: systemClock });
const example = fileURLToPath(new URL('../../../docs/examples/agent.py', import.meta.url));
const scripted = fileURLToPath(new URL('../src/scripted-agent.ts', import.meta.url));
const python = ['/usr/bin/python3', '/usr/local/bin/python3'].find((path) => existsSync(path));

let directory: string;
let count = 0;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cyrus-kit-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function kit(
  options: Pick<CustomExecutorOptions, 'command' | 'args'> & Partial<CustomExecutorOptions>,
): Promise<readonly KitCheck[]> {
  const runIdPrefix = `kit-${process.pid}-${++count}-`;
  const executor = createCustomExecutor({ sandbox, clock: systemClock, runIdPrefix, ...options });
  const checks: KitCheck[] = [];
  const place = { directory: join(directory, 'kit'), timeoutMs: 600_000 };
  for await (const check of testExecutor({ executor, sandbox, clock: systemClock, runIdPrefix, ...place })) checks.push(check);
  return checks;
}

const states = (checks: readonly KitCheck[]): Record<string, string> => Object.fromEntries(checks.map(({ name, state }) => [name, state]));

/** An agent of a few lines of JavaScript: `say(event)`, `git(...)`, `request`. */
async function agentOf(body: string): Promise<{ readonly command: string; readonly args: readonly string[] }> {
  const path = join(directory, 'agent.mjs');
  const head = `import { execFileSync, spawn } from 'node:child_process'; import { writeFileSync } from 'node:fs'; import { createInterface } from 'node:readline';
    const say = (event) => console.log(JSON.stringify(event));
    const git = (...words) => execFileSync('git', words);
    const done = (output = 'done') => say({ type: 'complete', result: { state: 'succeeded', output } });
    const commit = () => { writeFileSync('cyrus-test.txt', 'hello'); git('add', '.'); git('commit', '-qm', 'x', '--allow-empty'); };
    createInterface({ input: process.stdin }).on('line', (line) => { const said = JSON.parse(line); if (said.type === 'start') { process.chdir(said.request.workingDirectory); begin(said.request); } }).on('close', () => process.exit(0));
    function begin(request) { ${body} }`;
  await writeFile(path, head);
  return { command: process.execPath, args: [path] };
}

test.skipIf(python === undefined)('the example in Python passes every check', async () => {
  const checks = await kit({ command: python ?? '', args: [example] });
  expect(checks.filter(({ state }) => state !== 'passed')).toEqual([]);
  expect(checks).toHaveLength(9);
});

test('the scripted agent passes what it was made for', async () => {
  const args = [scripted];
  const env = { CYRUS_SCENARIO: JSON.stringify({ file: 'cyrus-test.txt' }) };
  expect(states(await kit({ command: process.execPath, args, env }))).toEqual({
    'can be started': 'passed',
    'does a task': 'passed',
    'says what it does': 'passed',
    'commits its work': 'passed',
    'reports its usage': 'passed',
    'goes on with a conversation': 'passed',
    'reads messages': 'passed',
    'asks people': 'skipped',
    'stops at once, with everything it started': 'passed',
  });
});

test('what an agent does wrong is told, with what to do', async () => {
  // What is waited for is waited for in a tenth of the time.
  const clock = { ...systemClock, sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 10, signal) };
  const checks = await kit({ ...(await agentOf(`writeFileSync('left.txt', ''); done();`)), clock });
  expect(states(checks)).toMatchObject({
    'does a task': 'passed',
    'says what it does': 'failed',
    'commits its work': 'failed',
    'reports its usage': 'failed',
    'reads messages': 'failed',
  });
  for (const { fix } of checks.filter(({ state }) => state === 'failed')) expect(fix).toMatch(/\w/);
});

test('what is declared not to be there is not asked for', async () => {
  const agent = await agentOf(`commit(); say({ type: 'message', content: 'hi' }); done();`);
  const checks = await kit({ ...agent, capabilities: { steer: false, resume: false, cost: 'none' } });
  expect(states(checks)).toMatchObject({
    'reports its usage': 'skipped',
    'goes on with a conversation': 'skipped',
    'reads messages': 'skipped',
    'commits its work': 'passed',
  });
  expect(checks.filter(({ state }) => state === 'failed')).toEqual([]);
});

test.each([
  ['no JSON', `console.log('hello there')`, /Line 1 of .* is not JSON: hello there/],
  ['no such event', `say({ type: 'progress' })`, /not an event of the protocol/],
  ['leaves without a word', 'process.exit(3)', /ended without "complete" \(exit code 3\)/],
])('%s: the first task fails, and nothing more is asked', async (_name, body, message) => {
  const checks = await kit(await agentOf(body));
  expect(checks.map(({ state }) => state)).toEqual(['passed', 'failed']);
  expect(checks[1]?.detail).toMatch(message);
});

test('a command that is not there', async () => {
  expect(await kit({ command: '/no/such/agent', args: [] })).toMatchObject([{ name: 'can be started', state: 'failed' }]);
});
