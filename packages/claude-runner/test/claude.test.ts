/** Claude Code itself, run by the executor against a scripted model: what it may do, what it says, what it costs, and how it fails. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createSdkMcpServer, tool } from '@anthropic-ai/claude-agent-sdk';
import { systemClock } from 'cyrus-core/clock';
import { eventually } from 'cyrus-executor-interface/conformance';
import type { ExecutionEvent, ExecutionRequest, RunResult, TaskExecutor } from 'cyrus-executor-interface/executor';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createClaudeExecutor } from '../src/claude-executor.ts';
import { findTranscript } from '../src/conversation-record.ts';
import { asking, type ClaudeHarness, claudeHarness, scripted, untilFile } from './harness.ts';

const exec = promisify(execFile);
const found = await detectIsolation();
const sandbox = createSandbox({ isolation: 'none', clock: systemClock });
let harness: ClaudeHarness;
let directory: string;
let work: string;

beforeAll(async () => {
  harness = await claudeHarness(sandbox);
});
afterAll(() => harness.close());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cyrus-claude-'));
  work = join(directory, 'work');
  await mkdir(join(work, 'src'), { recursive: true });
  await exec('git', ['init', '--quiet', '--initial-branch=main', work]);
});
afterEach(async () => {
  harness.model.clearFaults();
  harness.model.clearScripts();
  await rm(directory, { recursive: true, force: true });
});

interface Ran {
  readonly events: readonly ExecutionEvent[];
  readonly result: RunResult;
  readonly results: readonly { readonly output: string; readonly isError: boolean }[];
}

const request = (steps: readonly object[], more: Partial<ExecutionRequest> = {}): ExecutionRequest => ({
  prompt: scripted(steps),
  conversation: { id: randomUUID(), resume: false, directory: join(directory, 'conversation') },
  workingDirectory: work,
  readable: [],
  timeoutMs: 60_000,
  ...more,
});

async function run(asked: ExecutionRequest, executor: TaskExecutor = harness.executor): Promise<Ran> {
  const ref = await executor.start(asked, { attemptId: randomUUID(), number: 1 });
  const events: ExecutionEvent[] = [];
  for await (const event of executor.attach(ref)) events.push(event);
  const last = events.at(-1);
  if (last?.type !== 'complete') throw new Error('no complete');
  return { events, result: last.result, results: events.flatMap((event) => (event.type === 'tool-result' ? [event] : [])) };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
const bash = (command: string): object => ({ tool: 'Bash', input: { command } });
const write = (path: string): object => ({ tool: 'Write', input: { file_path: path, content: 'x\n' } });
const cost = (ran: Ran): number => ran.events.reduce((sum, event) => sum + (event.type === 'usage' ? (event.usage.cost ?? 0) : 0), 0);
const newest = () => harness.model.requests().at(-1);

test('it commits under the given identity, with the variables of the request and none of this process', async () => {
  process.env['CYRUS_TEST_SECRET'] = 'do not pass on';
  const executor = harness.executorWith({ gitIdentity: { name: 'Cyrus of Test', email: 'cyrus@example.com' } });
  const steps = [write('{{cwd}}/src/a.ts'), bash('git add -A && git commit -qm first'), bash('env'), { text: 'Committed.' }];
  const { result, results } = await run(request(steps, { environmentVariables: { GIVEN: 'to the agent' } }), executor);
  delete process.env['CYRUS_TEST_SECRET'];
  expect(result).toMatchObject({ state: 'succeeded', output: 'Committed.', turns: 4 });
  expect((await exec('git', ['log', '--format=%an <%ae> %cn: %s'], { cwd: work })).stdout.trim()).toBe(
    'Cyrus of Test <cyrus@example.com> Cyrus of Test: first',
  );
  expect(results[2]?.output).toContain('GIVEN=to the agent');
  expect(results[2]?.output).not.toContain('CYRUS_TEST_SECRET');
  expect(harness.model.requests().every((one) => one.path === '/v1/messages')).toBe(true);
  expect(newest()).toMatchObject({ model: 'claude-sonnet-5', apiKey: 'sk-test' });
});

test('it asks no other host for anything', async () => {
  const asked: string[] = [];
  const proxy = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    response.writeHead(502).end();
  });
  proxy.on('connect', (incoming, socket) => {
    asked.push(`CONNECT ${incoming.url}`);
    socket.end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  try {
    const variables = {
      HTTP_PROXY: url,
      HTTPS_PROXY: url,
      http_proxy: url,
      https_proxy: url,
      NO_PROXY: '127.0.0.1',
      no_proxy: '127.0.0.1',
    };
    const { result } = await run(request([bash('true'), { text: 'Alone.' }], { environmentVariables: variables }));
    expect(result.state).toBe('succeeded');
    expect(asked).toEqual([]);
    await run(
      request([bash(`${process.execPath} -e "fetch('http://example.invalid')" ; curl -s -m 2 http://example.invalid`), { text: 'x' }], {
        environmentVariables: variables,
      }),
    );
    expect(asked.length, 'the proxy really sees what leaves').toBeGreaterThan(0);
  } finally {
    proxy.close();
  }
});

describe('the tool policy holds the agent itself', () => {
  test('Edit(src/**) lets it write there and nowhere else', async () => {
    await symlink(directory, join(work, 'src', 'out'));
    const steps = [
      write('{{cwd}}/src/a.ts'),
      write('{{cwd}}/b.ts'),
      write('{{cwd}}/src/../c.ts'),
      write('{{cwd}}/src/out/d.ts'),
      { text: 'End.' },
    ];
    const { results } = await run(request(steps, { allowedTools: ['Read(**)', 'Edit(src/**)'] }));
    expect(results.map((one) => one.isError)).toEqual([false, true, true, true]);
    expect(results[1]?.output).toContain('Edit(src/**)');
    expect(await Promise.all(['src/a.ts', 'b.ts', 'c.ts', '../d.ts'].map((path) => exists(join(work, path))))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  test.each([
    ['a preset', ['readOnly']],
    ['a list', ['Read(**)']],
  ])('reading only, by %s: no command runs and none is offered', async (_name, allowedTools) => {
    const { results } = await run(request([bash('touch made'), write('{{cwd}}/made'), { text: 'End.' }], { allowedTools }));
    expect(results.map((one) => one.isError)).toEqual([true, true]);
    expect(await exists(join(work, 'made'))).toBe(false);
    expect(newest()?.tools).toContain('Read');
    expect(newest()?.tools).not.toContain('Bash');
    expect(newest()?.tools).not.toContain('Write');
  });

  test('Bash(git:*) refuses what hides behind git', async () => {
    const steps = [bash('git status --short'), bash('git status && touch made'), bash('git log "$(touch made)"'), { text: 'End.' }];
    const { results } = await run(request(steps, { allowedTools: ['Bash(git:*)'] }));
    expect(results.map((one) => one.isError)).toEqual([false, true, true]);
    expect(await exists(join(work, 'made'))).toBe(false);
  });

  test('what is denied is not offered, and refused when tried', async () => {
    const { results } = await run(
      request([{ tool: 'WebFetch', input: { url: 'http://127.0.0.1:9', prompt: 'x' } }, { text: 'End.' }], {
        disallowedTools: ['WebFetch'],
      }),
    );
    expect(results[0]?.isError).toBe(true);
    expect(newest()?.tools).not.toContain('WebFetch');
  });

  test('a subagent is held too', async () => {
    const inner = scripted([bash('touch made'), { text: 'Tried.' }]);
    const steps = [{ tool: 'Agent', input: { description: 'try', subagent_type: 'general-purpose', prompt: inner } }, { text: 'End.' }];
    const ran = await run(request(steps, { disallowedTools: ['Bash(touch:*)'] }));
    expect(ran.results.find((one) => one.isError)?.output).toContain('Bash(touch:*)');
    expect(await exists(join(work, 'made'))).toBe(false);
    expect(cost(ran), 'four model calls').toBe(4 * 6500);
  });
});

test('a hostile repository configures nothing; its guidance comes as marked context only', async () => {
  await mkdir(join(work, '.claude'));
  const hook = { hooks: [{ type: 'command', command: `touch ${join(directory, 'hook-ran')}` }] };
  await writeFile(
    join(work, '.claude', 'settings.json'),
    JSON.stringify({ hooks: { SessionStart: [hook], PreToolUse: [hook] }, env: { EVIL: '1' } }),
  );
  await writeFile(
    join(work, '.mcp.json'),
    JSON.stringify({ mcpServers: { evil: { command: 'touch', args: [join(directory, 'mcp-ran')] } } }),
  );
  await writeFile(join(work, 'CLAUDE.md'), 'CLAUDE-FILE-MARK');
  await writeFile(join(work, 'AGENTS.md'), 'AGENTS-FILE-MARK');
  const { results } = await run(request([bash('env'), { text: 'End.' }], { systemContext: 'The repository says: MARKED-CONTEXT' }));
  expect(results[0]?.output).not.toContain('EVIL');
  expect(await exists(join(directory, 'hook-ran'))).toBe(false);
  expect(await exists(join(directory, 'mcp-ran'))).toBe(false);
  const told = JSON.stringify(newest());
  expect(told).toContain('MARKED-CONTEXT');
  expect(told).not.toContain('CLAUDE-FILE-MARK');
  expect(told).not.toContain('AGENTS-FILE-MARK');
});

test('words that look like commands of the agent reach the model as words', async () => {
  harness.model.addScript({ match: '/clear', steps: [bash(untilFile('go')), { text: 'Read.' }] });
  const ref = await harness.executor.start(request([], { prompt: '/clear everything @/etc/hostname' }), {
    attemptId: randomUUID(),
    number: 1,
  });
  const events: ExecutionEvent[] = [];
  const reading = (async () => {
    for await (const event of harness.executor.attach(ref)) events.push(event);
  })();
  await eventually('the command runs', () => events.some((event) => event.type === 'tool-use'));
  await harness.executor.send?.(ref, { id: 1, text: '/init now' });
  await writeFile(join(work, 'go'), '');
  await reading;
  const heard = newest()?.userTexts.join('\n');
  expect(heard).toContain('/clear everything @/etc/hostname');
  expect(heard).toContain('/init now');
  expect(heard).not.toContain('Please analyze this codebase');
});

describe('where nothing is to be changed', () => {
  const steps = [
    write('{{cwd}}/made'),
    bash('touch made'),
    bash('git log --oneline -1; ls'),
    { tool: 'Monitor', input: { command: 'touch made', description: 'x', timeout_ms: 1000 } },
    {
      tool: 'Agent',
      input: { description: 'try', subagent_type: 'general-purpose', prompt: scripted([bash('touch made'), { text: 'Tried.' }]) },
    },
    { text: 'Read.' },
  ];
  test('tools and commands only read', async () => {
    await exec('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--allow-empty', '-qm', 'first'], { cwd: work });
    const { result, results } = await run(request(steps, { readOnly: true }));
    expect(result).toMatchObject({ state: 'succeeded', output: 'Read.' });
    expect(results.filter((one) => !one.isError && one.output.includes('first'))).toHaveLength(1);
    expect(await exists(join(work, 'made'))).toBe(false);
    expect(newest()?.tools).not.toContain('Write');
  });

  test.skipIf(found.isolation !== 'bwrap')('and it works in a directory that is mounted read-only', async () => {
    const isolated = await claudeHarness(createSandbox({ ...found, clock: systemClock }));
    try {
      const asked = request([bash('ls; cat .git/HEAD'), { text: 'Read.' }], { readOnly: true });
      const { result, results } = await run(asked, isolated.executor);
      expect(result).toMatchObject({ state: 'succeeded', output: 'Read.' });
      expect(results[0]?.output).toContain('refs/heads/main');
    } finally {
      await isolated.close();
    }
  });
});

describe('which model answers', () => {
  const asks = (more: Partial<ExecutionRequest>) => run(request([{ text: 'Here.' }], more), harness.executorWith({ maxRetries: 3 }));
  const models = () => harness.model.requests().map((one) => `${one.model} ${one.status}`);

  test('an unknown one fails and is named', async () => {
    harness.model.setFaults({ models: { 'claude-nope-9': 404 } });
    const { result } = await asks({ model: 'claude-nope-9' });
    expect(result).toMatchObject({ state: 'failed', failure: { class: 'invalid_request' } });
    expect(result.failure?.message).toContain('does not know the model claude-nope-9');
  });
  test.each([
    ['unknown', 404],
    ['overloaded', 529],
  ])('an %s one gives way to the fallback', async (_why, status) => {
    harness.model.setFaults({ models: { 'claude-first': status } });
    const { result, events } = await asks({ model: 'claude-first', fallbackModel: 'claude-haiku-4-5' });
    expect(result).toMatchObject({ state: 'succeeded', output: 'Here.' });
    expect(models().at(-1)).toBe('claude-haiku-4-5 200');
    expect(events.flatMap((event) => (event.type === 'usage' ? [event.usage.model] : []))).toEqual(['claude-haiku-4-5']);
  });
  test('a fallback that is the model itself is none', async () => {
    expect((await asks({ model: 'claude-haiku-4-5', fallbackModel: 'claude-haiku-4-5' })).result.state).toBe('succeeded');
  });
});

describe('what it asks', () => {
  const ask = { tool: 'AskUserQuestion', input: asking({ question: 'Which port?', options: ['4000', '5000'] }) };

  test('two questions at once are one, other tools of that moment and an allow list change nothing', async () => {
    const name = { tool: 'AskUserQuestion', input: asking({ question: 'Which name?', options: ['a', 'b'] }) };
    const steps = [{ text: 'Not clear.', tools: [ask, name, bash('touch made')] }, { text: 'Went on.' }];
    const { events, result } = await run(request(steps, { allowedTools: ['Read(**)', 'Bash(touch:*)'] }));
    expect(events.filter((event) => event.type === 'needs-input')).toEqual([
      { type: 'needs-input', question: 'Which port?\n\nWhich name?' },
    ]);
    expect(result).toMatchObject({ state: 'succeeded', output: 'Which port?\n\nWhich name?' });
    expect(events).not.toContainEqual({ type: 'message', content: 'Went on.' });
    expect(newest()?.tools).toContain('AskUserQuestion');
  });

  test('a subagent asks its caller, not the people', async () => {
    const inner = scripted([ask, { text: 'Unclear.' }]);
    const steps = [{ tool: 'Agent', input: { description: 'try', subagent_type: 'general-purpose', prompt: inner } }, { text: 'End.' }];
    const { events, result } = await run(request(steps));
    expect(events.filter((event) => event.type === 'needs-input')).toEqual([]);
    expect(result).toMatchObject({ state: 'succeeded', output: 'End.' });
  });

  test('where the tool is denied it is not offered', async () => {
    const { events } = await run(request([ask, { text: 'End.' }], { disallowedTools: ['AskUserQuestion'] }));
    expect(events.filter((event) => event.type === 'needs-input')).toEqual([]);
    expect(newest()?.tools).not.toContain('AskUserQuestion');
  });

  test('a message that crosses with the question is read, or the question stands', async () => {
    const ref = await harness.executor.start(request([ask, { text: 'I take what you said.' }]), { attemptId: randomUUID(), number: 1 });
    const events: ExecutionEvent[] = [];
    let sent: string | undefined;
    for await (const event of harness.executor.attach(ref)) {
      events.push(event);
      if (event.type === 'tool-result') sent = await harness.executor.send?.(ref, { id: 1, text: 'Take port 4000.' });
    }
    const asked = events.some((event) => event.type === 'needs-input');
    const read = events.some((event) => event.type === 'delivered');
    expect({ asked, read }).toEqual(sent === 'too_late' ? { asked: true, read: false } : { asked: false, read: true });
  });
});

test('an in-process MCP server is passed through, and held by the policy', async () => {
  const called: string[] = [];
  const say = (name: string) =>
    tool(name, 'Says it', { words: z.string() }, async ({ words }) => {
      called.push(`${name}: ${words}`);
      return { content: [{ type: 'text' as const, text: 'said' }] };
    });
  const server = createSdkMcpServer({ name: 'voice', version: '1.0.0', tools: [say('say'), say('shout')] });
  const steps = [
    { tool: 'mcp__voice__say', input: { words: 'hello' } },
    { tool: 'mcp__voice__shout', input: { words: 'HELLO' } },
    { text: 'End.' },
  ];
  await run(request(steps, { mcpConfig: { voice: server }, allowedTools: ['mcp__voice__say'] }));
  expect(called).toEqual(['say: hello']);
});

test('tools of this process are called over stdio, checked, and held by the policy', async () => {
  const called: object[] = [];
  const one = (name: string, reads: boolean) => ({
    name,
    description: `Does ${name}`,
    reads,
    parameters: { what: { description: 'What' }, how: { description: 'How', oneOf: ['fast', 'slow'], optional: true } },
    async call(input: Readonly<Record<string, string>>) {
      called.push({ name, ...input });
      if (input['what'] === 'break') throw new Error('it broke');
      return { text: `did ${input['what']}`, ...(input['what'] === 'refuse' ? { isError: true } : {}) };
    },
  });
  const hostTools = [{ name: 'linear', tools: [one('look', true), one('write', false)] }];
  const use = (name: string, input: object): object => ({ tool: `mcp__linear__${name}`, input });
  const steps = [
    use('look', { what: 'a', how: 'fast' }),
    use('look', { what: 'a', how: 'wrong' }),
    use('look', {}),
    use('look', { what: 'refuse' }),
    use('look', { what: 'break' }),
    use('write', { what: 'b' }),
    { text: 'End.' },
  ];
  const { results } = await run(request(steps, { hostTools, disallowedTools: ['mcp__linear__write'] }));
  expect(called).toEqual([
    { name: 'look', what: 'a', how: 'fast' },
    { name: 'look', what: 'refuse' },
    { name: 'look', what: 'break' },
  ]);
  expect(results.map((result) => result.isError)).toEqual([false, true, true, true, true, true]);
  expect(results[0]?.output).toBe('did a');
  expect(results[4]?.output).toContain('it broke');
  expect(newest()?.tools).toContain('mcp__linear__look');
  called.length = 0;
  await run(request([use('write', { what: 'c' }), { text: 'End.' }], { hostTools, allowedTools: ['Read'] }));
  expect(called).toEqual([]);
  await run(request([use('write', { what: 'c' }), { text: 'End.' }], { hostTools, allowedTools: ['mcp__linear'] }));
  expect(called).toEqual([{ name: 'write', what: 'c' }]);
});

describe('how the model API fails', () => {
  test.each<[string, Parameters<ClaudeHarness['model']['setFaults']>[0], object]>([
    ['an invalid key', { invalidKey: true }, { class: 'auth', message: expect.stringContaining('401') }],
    ['a rate limit that lasts', { rateLimited: { next: 9, retryAfterS: 1 } }, { class: 'rate_limited', retryAt: expect.any(Number) }],
    ['a long rate limit', { rateLimited: { next: 1, retryAfterS: 3600 } }, { class: 'rate_limited' }],
    ['an overload that lasts', { overloaded: { next: 9 } }, { class: 'network' }],
    ['an outage', { outage: true }, { class: 'network' }],
    ['a bad request', { badRequest: { next: 9 } }, { class: 'invalid_request' }],
    [
      'an empty account',
      { badRequest: { next: 9, message: 'Your credit balance is too low to access the Anthropic API.' } },
      { class: 'quota_exhausted' },
    ],
  ])('%s', async (_name, faults, failure) => {
    harness.model.setFaults(faults);
    const began = Date.now();
    const { result } = await run(request([{ text: 'Not reached.' }]));
    expect(result).toMatchObject({ state: 'failed', failure });
    expect(Date.now() - began, 'it does not wait for long').toBeLessThan(20_000);
  });

  test.each([
    ['one overload', { overloaded: { next: 1 } }],
    ['a stream cut off', { cutOff: { next: 1 } }],
    ['a short rate limit', { rateLimited: { next: 1, retryAfterS: 0 } }],
  ])('%s is survived and reported', async (_name, faults) => {
    harness.model.setFaults(faults);
    const ran = await run(request([bash('true'), { text: 'Still here.' }]));
    expect(ran.result).toMatchObject({ state: 'succeeded', output: 'Still here.' });
    expect(ran.events.some((event) => event.type === 'error')).toBe(true);
  });
});

describe('what it costs', () => {
  test('a stopped run has reported what it used', async () => {
    const ref = await harness.executor.start(request([bash('true'), bash(untilFile('never'))]), { attemptId: randomUUID(), number: 1 });
    const events: ExecutionEvent[] = [];
    const reading = (async () => {
      for await (const event of harness.executor.attach(ref)) events.push(event);
    })();
    await eventually('two calls are paid', () => events.filter((event) => event.type === 'usage').length === 2);
    const began = Date.now();
    expect(await harness.executor.stop(ref)).toBe('confirmed');
    expect(Date.now() - began).toBeLessThan(1000);
    await reading;
    expect(events.reduce((sum, event) => sum + (event.type === 'usage' ? (event.usage.cost ?? 0) : 0), 0)).toBe(2 * 6500);
  });

  test('a follow-up is billed for itself alone', async () => {
    const first = request([bash('true'), { text: 'One.' }]);
    expect(cost(await run(first))).toBe(2 * 6500);
    const next = { ...first, prompt: scripted([{ text: 'Two.' }], 'More.'), conversation: { ...first.conversation, resume: true } };
    expect(cost(await run(next))).toBe(6500);
  });

  test('an unknown model has tokens and no price', async () => {
    const { events } = await run(request([{ text: 'x' }], { model: 'a-model-nobody-knows' }));
    const usages = events.flatMap((event) => (event.type === 'usage' ? [event.usage] : []));
    expect(usages).toHaveLength(1);
    expect(usages[0]).toMatchObject({ model: 'a-model-nobody-knows', outputTokens: 300 });
    expect(usages[0]).not.toHaveProperty('cost');
  });

  test('limits of cost and turns end the run', async () => {
    const steps = [bash('true'), bash('true'), bash('true'), { text: 'x' }];
    expect((await run(request(steps, { maxCost: 10_000 }))).result).toMatchObject({
      state: 'failed',
      failure: { class: 'budget_exceeded' },
    });
    expect((await run(request(steps, { maxTurns: 2 }))).result).toMatchObject({
      state: 'failed',
      failure: { class: 'agent_failed', message: expect.stringContaining('2 turns') },
    });
    await expect(run(request(steps, { maxCost: 0 }))).rejects.toMatchObject({ failure: { class: 'budget_exceeded' } });
  });
});

test.each([
  ['without an exchange', '{"type":"queue-operation"}\nnot JSON at all\n'],
  ['that the agent itself refuses', '{"type":"queue-operation"}\n{"parentUuid":null,"type":"user"}\n'],
])('a transcript %s is put aside', async (_name, content) => {
  const first = request([{ text: 'One.' }]);
  expect((await run(first)).result).toMatchObject({ state: 'succeeded', output: 'One.' });
  const path = await findTranscript(first.conversation.directory, first.conversation.id);
  await writeFile(path ?? '', content);
  const { result, events } = await run({
    ...first,
    prompt: scripted([{ text: 'Two.' }]),
    conversation: { ...first.conversation, resume: true },
  });
  expect(result).toMatchObject({ state: 'succeeded', output: 'Two.' });
  expect(events.filter((event) => event.type === 'message' && event.content.includes('a new one begins'))).toHaveLength(1);
  expect(await readFile(`${path}.unusable`, 'utf8')).toContain('queue-operation');
});

test.each<[string, object[], ExecutionEvent['type'] | 'request']>([
  ['while the model thinks about its first answer', [{ delay: 600_000, text: 'never' }], 'request'],
  ['while it speaks', [{ text: 'A long story. '.repeat(500), slow: 100 }], 'request'],
  ['after a tool was used', [bash('true'), { delay: 600_000, text: 'never' }], 'tool-result'],
])('a run stopped %s is resumed', async (_name, steps, until) => {
  const first = request(steps, { prompt: scripted(steps, `Unique ${randomUUID()}`) });
  const ref = await harness.executor.start(first, { attemptId: randomUUID(), number: 1 });
  const events: ExecutionEvent[] = [];
  const reading = (async () => {
    for await (const event of harness.executor.attach(ref)) events.push(event);
  })();
  const words = first.prompt.split('\n')[0] ?? '';
  const asked = () => harness.model.requests().some((one) => one.userTexts[0]?.startsWith(words));
  await eventually('it has come so far', () => (until === 'request' ? asked() : events.some((event) => event.type === until)));
  await harness.executor.stop(ref);
  await reading;
  const again = await run({
    ...first,
    prompt: scripted([{ text: 'Back.' }], 'Go on.'),
    conversation: { ...first.conversation, resume: true },
  });
  expect(again.result).toMatchObject({ state: 'succeeded', output: 'Back.' });
  expect(newest()?.userTexts.join('\n')).toContain(words);
});

test('a context and a prompt of a megabyte arrive', async () => {
  const long = 'x'.repeat(1_000_000);
  const { result } = await run(
    request([], { prompt: `${scripted([{ text: 'Read.' }])}\n${long}`, systemContext: `MARKED ${long} END-OF-CONTEXT` }),
  );
  expect(result).toMatchObject({ state: 'succeeded', output: 'Read.' });
  expect(newest()?.system).toContain('END-OF-CONTEXT');
});

test('own login: no key is given, the credentials are lent, and without them it says so', async () => {
  const credentialsFile = join(directory, 'credentials.json');
  const executor = createClaudeExecutor({
    sandbox,
    clock: systemClock,
    apiUrl: harness.model.url,
    auth: 'ownLogin',
    credentialsFile,
    defaultModel: 'claude-sonnet-5',
  });
  await expect(run(request([{ text: 'x' }]), executor)).rejects.toMatchObject({
    failure: { class: 'auth', message: expect.stringContaining(credentialsFile) },
  });
  const oauth = {
    accessToken: 'own-token',
    refreshToken: 'r',
    expiresAt: Date.now() + 3_600_000,
    scopes: ['user:inference'],
    subscriptionType: 'max',
  };
  await writeFile(credentialsFile, JSON.stringify({ claudeAiOauth: oauth }));
  const { result } = await run(request([{ text: 'Logged in.' }]), executor);
  expect(result).toMatchObject({ state: 'succeeded', output: 'Logged in.' });
  expect(newest()?.apiKey).toBe('own-token');
});

test('a request that makes no sense is refused before anything starts', async () => {
  const conversation = { id: 'not-a-uuid', resume: false, directory: join(directory, 'conversation') };
  await expect(run(request([], { conversation }))).rejects.toMatchObject({ failure: { class: 'invalid_request' } });
  await expect(run(request([], { prompt: '  ' }))).rejects.toMatchObject({ failure: { class: 'invalid_request' } });
});
