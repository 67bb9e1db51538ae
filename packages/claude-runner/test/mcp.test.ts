/** MCP servers that Claude Code itself starts, or asks by HTTP. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import type { ExecutionEvent, ExecutionRequest } from 'cyrus-executor-interface/executor';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ClaudeHarness, claudeHarness, scripted } from './harness.ts';
import { mcpProgram } from './mcp-program.ts';

const sandbox = createSandbox({ isolation: 'none', clock: systemClock });
let harness: ClaudeHarness;
let directory: string;
beforeAll(async () => {
  harness = await claudeHarness(sandbox);
});
afterAll(() => harness.close());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cyrus-claude-mcp-'));
  await mkdir(join(directory, 'work'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function run(steps: readonly object[], more: Partial<ExecutionRequest>): Promise<readonly ExecutionEvent[]> {
  const request: ExecutionRequest = {
    prompt: scripted(steps),
    conversation: { id: randomUUID(), resume: false, directory: join(directory, 'conversation') },
    workingDirectory: join(directory, 'work'),
    readable: [],
    timeoutMs: 200_000,
    ...more,
  };
  const ref = await harness.executor.start(request, { attemptId: randomUUID(), number: 1 });
  const events: ExecutionEvent[] = [];
  for await (const event of harness.executor.attach(ref)) events.push(event);
  return events;
}

const results = (events: readonly ExecutionEvent[]): readonly string[] =>
  events.flatMap((event) => (event.type === 'tool-result' ? [event.output] : []));
const say = (server: string, words: string): object => ({ tool: `mcp__${server}__say`, input: { words } });

/** A server that is started with a secret. */
async function started(answer: string): Promise<Readonly<Record<string, unknown>>> {
  const program = join(directory, 'server.mjs');
  await writeFile(program, mcpProgram(answer));
  return { type: 'stdio', command: process.execPath, args: [program], env: { MCP_SECRET: 'not-in-argv' } };
}

test('a server of its own is started with its variables, which no command line holds', async () => {
  const voice = await started("input.words + ' ' + process.env.MCP_SECRET");
  const look = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c 'not-in-[a]rgv'";
  const events = await run([say('voice', 'hello'), { tool: 'Bash', input: { command: look } }, { text: 'End.' }], {
    mcpConfig: { mcpServers: { voice } },
  });
  expect(results(events)).toEqual(['hello not-in-argv', '0']);
});

test.each<[string, Partial<ExecutionRequest>, boolean]>([
  ['its server is allowed', { allowedTools: ['Read', 'mcp__voice'] }, true],
  ['another tool of it is allowed', { allowedTools: ['mcp__voice__sing'] }, false],
  ['the tool is denied', { allowedTools: ['mcp__voice'], disallowedTools: ['mcp__voice__say'] }, false],
])('a tool of a server where %s', async (_what, more, allowed) => {
  const called = join(directory, 'called');
  const voice = await started(`(await import('node:fs')).writeFileSync(${JSON.stringify(called)}, 'x') ?? 'said'`);
  await run([say('voice', 'hello'), { text: 'End.' }], { mcpConfig: { mcpServers: { voice } }, ...more });
  expect(existsSync(called)).toBe(allowed);
});

test('a server that does not come is told of, and the agent goes on', async () => {
  const gone = { type: 'http', url: 'http://127.0.0.1:9/mcp' };
  const events = await run([{ text: 'End.' }], { mcpConfig: { mcpServers: { gone } } });
  expect(events.at(-1)).toMatchObject({ result: { state: 'succeeded', output: 'End.' } });
  const told = events.flatMap((event) => (event.type === 'message' ? [event.content] : []));
  expect(told.join('\n')).toMatch(/The MCP server gone is not connected \(failed: .*\)\. The agent works without it\./);
});
