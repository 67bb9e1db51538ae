import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scriptedAgent } from '../../../e2e/support/agent.ts';
import { bundle } from '../../../e2e/support/bundle.ts';
import { plainEnvironment, type Ran, runToEnd } from '../../../e2e/support/program.ts';

let home: string;
let main: string;
beforeAll(async () => {
  ({ main } = await bundle());
  home = await mkdtemp(join(tmpdir(), 'cyrus-executor-'));
  const config = {
    allowUnsandboxed: true,
    executors: { mine: { ...scriptedAgent({ file: 'cyrus-test.txt' }), capabilities: { steer: false, cost: 'none' } } },
  };
  await writeFile(join(home, 'config.json'), JSON.stringify(config));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const cyrus = (...args: readonly string[]): Promise<Ran> =>
  runToEnd(process.execPath, [main, '--home', home, 'executor', 'test', ...args], { environment: plainEnvironment(), withinMs: 90_000 });

test('a configured executor: a line for each promise, 0 when all are kept', { timeout: 120_000 }, async () => {
  const { code, stdout, stderr } = await cyrus('mine', '--json');
  expect(stderr).toContain('Testing mine, isolation ');
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: readonly { name: string; state: string; detail: string }[] };
  expect(checks.filter(({ state }) => state === 'failed')).toEqual([]);
  expect({ ok, code }).toEqual({ ok: true, code: 0 });
  expect(checks.find(({ name }) => name === 'commits its work')?.state).toBe('passed');
});

test('a command: what is wrong and how to mend it, and 1', { timeout: 120_000 }, async () => {
  const { code, stdout } = await cyrus('--command', '/bin/echo "hello there"');
  expect(code).toBe(1);
  expect(stdout).toMatch(/✓ can be started[\s\S]*✗ does a task: .*is not JSON: hello there[\s\S]*fix: .*\n1 to mend\./);
});

test('what cannot be tested: 2, with what there is', async () => {
  expect(await cyrus()).toMatchObject({ code: 2 });
  expect(await cyrus('nobody')).toMatchObject({ code: 2, stderr: expect.stringContaining('There are: claude') });
});
