import { systemClock } from 'cyrus-core/clock';
import { parseConfig } from 'cyrus-core/config/parse';
import type { Config } from 'cyrus-core/config/schema';
import type { ExecutionEvent, ExecutionRequest, TaskExecutor } from 'cyrus-executor-interface/executor';
import { type CodegenStandIn, startCodegen } from 'cyrus-stand-in-codegen/server';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { codegenExecutor } from '../src/executors.ts';
import { secretsOf } from '../src/secrets.ts';

let codegen: CodegenStandIn;
beforeEach(async () => {
  codegen = await startCodegen({ limitFactor: 0 });
});
afterEach(() => codegen.stop());

function configOf(more: object): Config {
  const own = { enabled: true, baseUrl: codegen.url, apiToken: codegen.token, orgId: '42', strategy: 'cloud-only', pollMs: 50, ...more };
  const parsed = parseConfig(JSON.stringify({ codegen: own }), 'config.json');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.config;
}

function composed(more: object = {}, warn?: (what: string) => void): TaskExecutor {
  const executor = codegenExecutor(configOf(more), systemClock, { random: Math.random, ...(warn ? { warn } : {}) });
  if (!executor) throw new Error('there is no executor');
  return executor;
}

const request: ExecutionRequest = {
  prompt: 'CODEGEN:[{"think":"hm"},{"tool":"RunCommand"},{"end":"COMPLETE","result":"Done."}]',
  conversation: { id: 'c', resume: false, directory: '' },
  workingDirectory: '',
  readable: [],
  timeoutMs: 60_000,
};

async function eventsOf(executor: TaskExecutor): Promise<readonly ExecutionEvent[]> {
  const events: ExecutionEvent[] = [];
  for await (const event of executor.attach(await executor.start(request, { attemptId: 'a', number: 1 }))) events.push(event);
  return events;
}

test('what is configured is what happens', async () => {
  const plain = await eventsOf(composed());
  expect(plain.map(({ type }) => type)).toEqual(['message', 'tool-use', 'message', 'complete']);
  const more = {
    defaultModel: 'some-model',
    estimatedCostPerRunUsd: 0.25,
    features: { enableTracing: false, useMcpServers: false, parallelExecution: false },
  };
  const events = await eventsOf(composed(more));
  expect(events).toMatchObject([
    { type: 'usage', usage: { cost: 250_000, trust: 'estimated', model: 'some-model' } },
    { type: 'message' },
    { type: 'complete' },
  ]);
  const [first, second] = codegen.runs();
  expect([first?.model, second?.model]).toEqual([null, 'some-model']);
  expect([first, second].map((run) => run?.prompts[0]?.includes('Use no MCP server'))).toEqual([false, true]);
});

test('an organisation that is no number refuses every call before it is made, and says so', async () => {
  const executor = composed({ orgId: 'acme' });
  expect(await executor.health()).toMatchObject({ state: 'unavailable', failure: { class: 'auth' } });
  await expect(executor.start(request, { attemptId: 'a', number: 1 })).rejects.toThrow(
    /"acme", but Codegen knows organisations by a whole number/,
  );
  expect(codegen.calls()).toEqual([]);
});

test('it is not there unless it is enabled; its token is a secret', () => {
  expect(codegenExecutor(configOf({ enabled: false }), systemClock, { random: Math.random })).toBeUndefined();
  expect(secretsOf(configOf({}))).toContain(codegen.token);
});

test('a status that nobody knows is a warning of the service', async () => {
  const warnings: string[] = [];
  codegen.setFaults({ status: { word: 'DREAMING' } });
  const executor = composed({}, (what) => {
    warnings.push(what);
    codegen.setFaults({ clear: true });
  });
  await eventsOf(executor);
  expect(warnings).toEqual([expect.stringMatching(/Codegen says that its run \d+ is DREAMING/)]);
});
