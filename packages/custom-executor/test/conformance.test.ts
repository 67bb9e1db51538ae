import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from 'cyrus-core/clock';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { describeExecutor, type ExecutorHarness } from 'cyrus-executor-interface/conformance';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { describe, expect, test } from 'vitest';
import { createCustomExecutor } from '../src/custom-executor.ts';
import type { ScriptedScenario } from '../src/scripted-agent.ts';

const agent = fileURLToPath(new URL('../src/scripted-agent.ts', import.meta.url));
const found = await detectIsolation();

async function harness(sandbox: Sandbox): Promise<ExecutorHarness> {
  const memory = async (directory: string): Promise<{ heard: string[]; outputTokens: number }> =>
    readFile(join(directory, 'scripted-agent.json'), 'utf8').then(JSON.parse, () => ({ heard: [], outputTokens: 0 }));
  const options = { sandbox, clock: systemClock, command: process.execPath, args: [agent], readable: [dirname(agent)] };
  let count = 0;
  return {
    executor: createCustomExecutor(options),
    play(scenario) {
      const script: ScriptedScenario = {
        file: null,
        heartbeatMs: 50,
        ...(scenario.kind === 'endless-thought' ? { endless: true } : { text: scenario.text }),
        ...(scenario.kind === 'question' ? { ask: { question: scenario.question, options: scenario.options } } : {}),
        ...(scenario.kind === 'command-until-file' ? { untilFile: scenario.file } : {}),
      };
      return { prompt: `Task number ${++count} of a scripted agent.`, environmentVariables: { CYRUS_SCENARIO: JSON.stringify(script) } };
    },
    canAsk: true,
    processes: (ref) => processesOf(ref.runId),
    heard: async (request) => (await memory(request.conversation.directory)).heard,
    recorded: async (request) => (await memory(request.conversation.directory)).heard.length > 0,
    billedOutputTokens: async (request) => (await memory(request.conversation.directory)).outputTokens,
    broken: { missingBinary: createCustomExecutor({ ...options, command: '/nonexistent/agent' }) },
    close: async () => undefined,
  };
}

async function processesOf(runId: string): Promise<number[]> {
  const pids: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const environment = await readFile(`/proc/${entry}/environ`, 'utf8').catch(() => '');
    if (environment.split('\0').includes(`CYRUS_RUN=${runId}`)) pids.push(Number(entry));
  }
  return pids;
}

describeExecutor('custom, without isolation', () => harness(createSandbox({ isolation: 'none', clock: systemClock })));

describe.skipIf(found.isolation !== 'bwrap')('with bubblewrap', () => {
  describeExecutor('custom', () => harness(createSandbox({ ...found, clock: systemClock })));
});

test.runIf(process.env['CYRUS_NO_SKIP'] === '1')('bubblewrap is there, so that nothing above was skipped', () => {
  expect(found.isolation).toBe('bwrap');
});
