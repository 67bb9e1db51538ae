import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from 'cyrus-core/clock';
import { eventually } from 'cyrus-executor-interface/conformance';
import type { ExecutionEvent, ExecutionRequest, TaskExecutor } from 'cyrus-executor-interface/executor';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCustomExecutor } from '../src/custom-executor.ts';
import { protocolSchema } from '../src/protocol.ts';
import type { ScriptedScenario } from '../src/scripted-agent.ts';

const exec = promisify(execFile);
const agent = fileURLToPath(new URL('../src/scripted-agent.ts', import.meta.url));
const sandbox = createSandbox({ isolation: 'none', clock: systemClock });
const found = await detectIsolation();
let directory: string;
let executor: TaskExecutor;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cyrus-custom-'));
  executor = createCustomExecutor({ sandbox, clock: systemClock, command: process.execPath, args: [agent] });
  const work = join(directory, 'work');
  await mkdir(work);
  await exec('git', ['init', '--quiet', '--initial-branch=main', work]);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const git = async (...args: string[]): Promise<string> => (await exec('git', args, { cwd: join(directory, 'work') })).stdout.trim();

function request(scenario: ScriptedScenario, more: Partial<ExecutionRequest> = {}): ExecutionRequest {
  return {
    prompt: 'Write it down.',
    conversation: { id: randomUUID(), resume: false, directory: join(directory, 'conversation') },
    workingDirectory: join(directory, 'work'),
    readable: [],
    timeoutMs: 60_000,
    environmentVariables: { CYRUS_SCENARIO: JSON.stringify(scenario) },
    ...more,
  };
}

async function run(asked: ExecutionRequest, using = executor): Promise<ExecutionEvent[]> {
  const ref = await using.start(asked, { attemptId: randomUUID(), number: 1 });
  const events: ExecutionEvent[] = [];
  for await (const event of using.attach(ref)) events.push(event);
  return events;
}

const resultOf = (events: readonly ExecutionEvent[]) => {
  const last = events.at(-1);
  return last?.type === 'complete' ? last.result : undefined;
};

test('the scripted agent writes a file and commits it', async () => {
  const events = await run(request({ file: 'notes/NEW.md', content: 'new\n' }));
  expect(resultOf(events)).toEqual({ state: 'succeeded', output: 'Done.' });
  expect(await git('log', '--format=%an: %s')).toBe('Scripted Agent: Write it down.');
  expect(await git('show', 'HEAD:notes/NEW.md')).toBe('new');
  expect(await git('status', '--porcelain')).toBe('');
});

test('it commits what it is told while it works, and repeats nothing when it resumes', async () => {
  const asked = request({ file: 'A.md', workMs: 60_000, heartbeatMs: 30 });
  const ref = await executor.start(asked, { attemptId: randomUUID(), number: 1 });
  const events: ExecutionEvent[] = [];
  const reading = (async () => {
    for await (const event of executor.attach(ref)) events.push(event);
  })();
  expect(await executor.send?.(ref, { id: 7, text: 'Also this.' })).toBe('steered');
  await eventually('the message is read', () => events.some((event) => event.type === 'delivered' && event.messageId === 7));
  await executor.stop(ref);
  await reading;
  expect(await git('show', 'HEAD:message-7.md')).toBe('Also this.');
  for (let time = 0; time < 2; time++) {
    await run({
      ...asked,
      conversation: { ...asked.conversation, resume: true },
      environmentVariables: { CYRUS_SCENARIO: JSON.stringify({ file: 'A.md' }) },
    });
  }
  expect((await git('log', '--format=%s')).split('\n')).toEqual(['Write it down.', 'Message 7']);
});

test.each([
  ['text that is not JSON', 'Hello, world!', /Line 1 of .* is not JSON: Hello, world!/],
  ['an unknown type', '{"type":"greeting"}', /Line 1 of .* is not an event of the protocol \(type: .*\): \{"type":"greeting"\}/],
  ['a wrong field', '{"type":"message","content":5}', /\(content: /],
  ['a field too many', '{"type":"heartbeat","extra":1}', /extra/],
  ['a long line', `"${'x'.repeat(5000)}"`, /x{150,200}…$/],
])('%s is a clear failure that quotes the line', async (_name, rawLine, expected) => {
  const result = resultOf(await run(request({ rawLine, endless: true, heartbeatMs: 50 })));
  expect(result).toMatchObject({ state: 'failed', failure: { class: 'agent_failed', message: expect.stringMatching(expected) } });
});

test('a command is told of MCP servers as they are reached from inside', async () => {
  const program = `require('readline').createInterface({ input: process.stdin }).once('line', (line) => {
    const { mcpConfig } = JSON.parse(line).request;
    console.log(JSON.stringify({ type: 'complete', result: { state: 'succeeded', output: JSON.stringify(mcpConfig ?? null) } }));
  })`;
  const told = createCustomExecutor({ sandbox, clock: systemClock, command: process.execPath, args: ['-e', program] });
  const notes = { type: 'stdio', command: 'notes', env: { A: 'b' } };
  const docs = { type: 'http', url: 'https://mcp.example.com/mcp', headers: { authorization: 's3cret' } };
  const inside = 'http://127.0.0.1:1/key/docs';
  const network = { open: async () => ({ network: 'open' as const, env: {}, ready: Promise.resolve(), mcpServers: { docs: inside } }) };
  const { output } = resultOf(await run(request({}, { network, mcpConfig: { mcpServers: { notes, docs } } }), told)) ?? {};
  expect(JSON.parse(output ?? '')).toEqual({ mcpServers: { notes, docs: { type: 'http', url: inside } } });
  expect(resultOf(await run(request({}), told))?.output).toBe('null');
});

test('a command that ends without complete is a failure that quotes its stderr', async () => {
  const broken = createCustomExecutor({ sandbox, clock: systemClock, command: 'sh', args: ['-c', 'echo "out of cheese" >&2; exit 3'] });
  const result = resultOf(await run(request({}), broken));
  expect(result).toMatchObject({
    state: 'failed',
    failure: { class: 'agent_failed', message: expect.stringMatching(/exit code 3\): out of cheese$/) },
  });
});

test('a command that never ends its line is ended', async () => {
  const endless = createCustomExecutor({ sandbox, clock: systemClock, command: 'sh', args: ['-c', 'yes | tr -d "\\n"'] });
  const result = resultOf(await run(request({}), endless));
  expect(result).toMatchObject({
    state: 'failed',
    failure: { class: 'agent_failed', message: expect.stringMatching(/is not JSON: y+…$/) },
  });
});

test('a failure the command reports is handed on', async () => {
  const result = resultOf(await run(request({ file: null, fail: 'rate_limited', text: 'Come back later.' })));
  expect(result).toEqual({ state: 'failed', output: 'Come back later.', failure: { class: 'rate_limited', message: 'Come back later.' } });
});

test('a command that does not listen still completes, and an unread message is not called delivered', async () => {
  const script = join(directory, 'deaf.sh');
  const complete = '{"type":"complete","result":{"state":"succeeded","output":"deaf"}}';
  await writeFile(script, `until [ -e go ]; do sleep 0.02; done\necho '${complete}'\n`);
  const deaf = createCustomExecutor({ sandbox, clock: systemClock, command: 'sh', args: [script], readable: [directory] });
  const ref = await deaf.start(request({}), { attemptId: randomUUID(), number: 1 });
  expect(await deaf.send?.(ref, { id: 1, text: 'Hello?' })).toBe('steered');
  await writeFile(join(directory, 'work', 'go'), '');
  const events: ExecutionEvent[] = [];
  for await (const event of deaf.attach(ref)) events.push(event);
  expect(events).toEqual([{ type: 'complete', result: { state: 'succeeded', output: 'deaf' } }]);
});

test('nothing of the environment of this process reaches the command', async () => {
  process.env['CYRUS_TEST_SECRET'] = 'do not pass on';
  const script =
    'process.stdout.write(JSON.stringify({type:"complete",result:{state:"succeeded",output:JSON.stringify(process.env)}})+"\\n")';
  const curious = createCustomExecutor({
    sandbox,
    clock: systemClock,
    command: process.execPath,
    args: ['-e', script],
    env: { GIVEN: 'yes' },
  });
  const result = resultOf(await run(request({}), curious));
  delete process.env['CYRUS_TEST_SECRET'];
  const seen = JSON.parse(result?.output ?? '{}') as Record<string, string>;
  expect(seen).toMatchObject({ GIVEN: 'yes', HOME: join(directory, 'conversation') });
  expect(seen['CYRUS_TEST_SECRET']).toBeUndefined();
});

test('the published schema is the one the executor uses', async () => {
  const published = await readFile(new URL('../schema/protocol.json', import.meta.url), 'utf8');
  expect(JSON.parse(published)).toEqual(protocolSchema());
});

/** A command of one line of shell that has read its `start`. */
const inShell = (script: string, using = sandbox): TaskExecutor =>
  createCustomExecutor({ sandbox: using, clock: systemClock, command: '/bin/sh', args: ['-c', `read -r start; ${script}`] });

test('a command that asks needs no complete, and is not waited for', async () => {
  const events = await run(request({}), inShell(`echo '{"type":"needs-input","question":"Which?"}'; cat >/dev/null`));
  expect(events).toEqual([
    { type: 'needs-input', question: 'Which?' },
    { type: 'complete', result: { state: 'succeeded', output: 'Which?' } },
  ]);
});

test('a command that asks and then fails has failed', async () => {
  const failed = '{"type":"complete","result":{"state":"failed","output":"","failure":{"class":"agent_failed","message":"broke"}}}';
  const events = await run(request({}), inShell(`echo '{"type":"needs-input","question":"Which?"}'; echo '${failed}'`));
  expect(events.map((event) => event.type)).toEqual(['complete']);
  expect(resultOf(events)).toMatchObject({ state: 'failed' });
});

test.skipIf(found.isolation !== 'bwrap')('where nothing is to be changed, the directory is mounted read-only', async () => {
  const isolated = createSandbox({ ...found, clock: systemClock });
  const done = '{"type":"complete","result":{"state":"succeeded","output":"tried"}}';
  const script = `touch made 2>/dev/null || touch "$HOME/not-made"; echo '${done}'; cat >/dev/null`;
  await run(request({}, { readOnly: true }), inShell(script, isolated));
  await expect(access(join(directory, 'work', 'made'))).rejects.toThrow('ENOENT');
  await access(join(directory, 'conversation', 'not-made'));
  await run(request({}), inShell(script, isolated));
  await access(join(directory, 'work', 'made'));
});
