import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { systemIds } from 'cyrus-core/ids';
import type { CallIntent, CallUsage, Ledger } from 'cyrus-core/ports/ledger';
import { loadPrices } from 'cyrus-core/prices';
import type { ExecutionEvent } from 'cyrus-executor-interface/executor';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createGateway, type DoorRules } from 'cyrus-sandbox/gateway/gateway';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { type ModelStandIn, startModel } from 'cyrus-stand-in-model/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createClaudeExecutor } from '../src/claude-executor.ts';
import { scripted } from './harness.ts';

const found = await detectIsolation();
const realKey = 'sk-ant-the-real-one';
let directory: string;
let model: ModelStandIn;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'claude-gateway-'));
  model = await startModel({ apiKeys: [realKey] });
});
afterEach(async () => {
  await model.close();
  await rm(directory, { recursive: true, force: true });
});

/** Grants what `allows`, and keeps what it is told. */
function ledger(
  allows: (intent: CallIntent) => boolean,
): Ledger & { readonly intents: CallIntent[]; readonly settled: (CallUsage | null)[] } {
  const intents: CallIntent[] = [];
  const settled: (CallUsage | null)[] = [];
  return {
    intents,
    settled,
    async intend(intent) {
      intents.push(intent);
      return allows(intent) ? { granted: true } : { granted: false, left: 0, reason: 'Budget of the task of $1.00 is used up' };
    },
    settle: async (_, usage) => void settled.push(usage),
  };
}

async function run(isolated: boolean, book: Ledger, steps: readonly object[], rules: Partial<DoorRules> = {}): Promise<ExecutionEvent[]> {
  const sandbox = createSandbox({ ...(isolated ? found : { isolation: 'none' as const }), clock: systemClock });
  const prices = { price: await loadPrices(), name: 'test' };
  const gateway = createGateway({ apiUrl: model.url, apiKey: realKey, ledger: book, prices, clock: systemClock, ids: systemIds });
  const closers: (() => Promise<void>)[] = [];
  const [home, work] = [join(directory, 'home'), join(directory, 'work')];
  await Promise.all([home, work].map((path) => mkdir(path, { recursive: true })));
  const executor = createClaudeExecutor({
    sandbox,
    clock: systemClock,
    apiUrl: model.url,
    apiKey: realKey,
    defaultModel: 'claude-sonnet-5',
  });
  const socket = join(directory, 'model');
  const ref = await executor.start(
    {
      prompt: scripted(steps),
      conversation: { id: randomUUID(), resume: false, directory: home },
      workingDirectory: work,
      readable: [],
      timeoutMs: 200_000,
      network: {
        async open() {
          const door = await gateway.open({ attemptId: 'a', ...(isolated ? { socket } : {}), ...rules });
          closers.push(() => door.close());
          if (!isolated) return { network: 'open', env: {}, ready: Promise.resolve(), model: { url: String(door.url), key: door.key } };
          const network = await sandbox.openNetwork?.({ runId: `net-${randomUUID()}`, doors: [{ socket }] });
          if (!network) throw new Error('the network can be closed here');
          closers.unshift(() => network.close());
          return {
            network,
            env: { HTTPS_PROXY: 'http://127.0.0.1:1', NO_PROXY: '127.0.0.1' },
            ready: network.ready,
            model: { url: `http://127.0.0.1:${network.ports[0]}`, key: door.key },
          };
        },
      },
    },
    { attemptId: 'a', number: 1 },
  );
  const events: ExecutionEvent[] = [];
  for await (const event of executor.attach(ref)) events.push(event);
  for (const close of closers) await close();
  gateway.close();
  return events;
}

const onePixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const onePage = [
  '%PDF-1.1',
  '1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj',
  '2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj',
  '3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj',
  'trailer<</Size 4/Root 1 0 R>>',
  '%%EOF',
].join('\n');

const endOf = (events: readonly ExecutionEvent[]) => {
  const end = events.at(-1);
  return end?.type === 'complete' ? end.result : undefined;
};

describe.each([
  ['in a closed network', true],
  ['without isolation', false],
] as const)('Claude Code behind the gateway, %s', (_, isolated) => {
  const skip = isolated && found.isolation !== 'bwrap' && process.env['CYRUS_NO_SKIP'] !== '1';

  test.skipIf(skip)('works without the key, and every call is metered as the agent itself reports it', async () => {
    const book = ledger(() => true);
    const events = await run(isolated, book, [
      { tool: 'Bash', input: { command: 'env; cat /proc/$PPID/environ | tr "\\0" "\\n"' } },
      { text: 'Done.' },
    ]);
    expect(endOf(events)).toMatchObject({ state: 'succeeded', output: 'Done.' });
    const printed = events.flatMap((event) => (event.type === 'tool-result' ? [event.output] : [])).join('');
    expect(printed).toContain('ANTHROPIC_BASE_URL=http://127.0.0.1:');
    expect(printed).not.toContain(realKey);
    expect(model.requests().map(({ apiKey }) => apiKey)).toEqual([realKey, realKey]);
    const reported = events.flatMap((event) => (event.type === 'usage' ? [event.usage] : []));
    const sum = (counts: readonly (number | null | undefined)[]): number => counts.reduce<number>((total, each) => total + (each ?? 0), 0);
    expect(book.settled).toHaveLength(2);
    expect(sum(book.settled.map((usage) => usage?.outputTokens))).toBe(600);
    expect(sum(book.settled.map((usage) => usage?.cost))).toBe(sum(reported.map(({ cost }) => cost)));
  });

  test.skipIf(skip)('nothing that it needs is refused: subagents, tools that are looked up, pictures, documents', async () => {
    const refused: string[] = [];
    const [picture, pdf] = [join(directory, 'work', 'p.png'), join(directory, 'work', 'd.pdf')];
    await mkdir(join(directory, 'work'));
    await writeFile(picture, Buffer.from(onePixel, 'base64'));
    await writeFile(pdf, onePage);
    const steps = [
      { tool: 'Agent', input: { description: 'Help', prompt: scripted([{ text: 'Helped.' }]), subagent_type: 'general-purpose' } },
      { tool: 'Read', input: { file_path: picture } },
      { tool: 'Read', input: { file_path: pdf } },
      { tool: 'ToolSearch', input: { query: 'select:WebSearch' } },
      { tool: 'WebSearch', input: { query: 'anything' } },
      { text: 'Done.' },
    ];
    const rules = { webSearch: true, refused: ({ what }: { what: string }) => void refused.push(what) };
    const events = await run(
      isolated,
      ledger(() => true),
      steps,
      rules,
    );
    expect(endOf(events)).toMatchObject({ state: 'succeeded', output: 'Done.' });
    expect(refused).toEqual([]);
    const failed = events.flatMap((event) => (event.type === 'tool-result' && event.isError ? [event.output] : []));
    expect(failed).toEqual([]);
    expect(model.requests().every(({ status }) => status === 200)).toBe(true);
  });

  test.skipIf(skip)('a search that is not allowed is told to it as that, and its work goes on', async () => {
    const events = await run(
      isolated,
      ledger(() => true),
      [{ tool: 'WebSearch', input: { query: 'anything' } }, { text: 'Done without.' }],
    );
    expect(endOf(events)).toMatchObject({ state: 'succeeded', output: 'Done without.' });
    const results = events.flatMap((event) => (event.type === 'tool-result' ? [event.output] : [])).join('');
    expect(results).toContain('Searching the web is not allowed here');
  });

  test.skipIf(skip)('a budget that is used up ends the run at once, as that', async () => {
    const book = ledger(() => false);
    const events = await run(isolated, book, [{ text: 'Never said.' }]);
    const result = endOf(events);
    expect(result?.state).toBe('failed');
    expect(result?.failure).toMatchObject({
      class: 'budget_exceeded',
      message: 'No budget for another call of the model: Budget of the task of $1.00 is used up',
    });
    expect(new Set(book.intents.map(({ callId }) => callId)).size).toBe(1);
    expect(model.requests().filter(({ path }) => path === '/v1/messages')).toEqual([]);
  });
});
