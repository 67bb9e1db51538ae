import { systemClock } from 'cyrus-core/clock';
import { checkConfig } from 'cyrus-core/config/parse';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { expect, test } from 'vitest';
import { executorLines, executorsStatus } from './executors-status.ts';

const parsed = checkConfig({
  executors: { mine: { command: 'sh', maxParallel: 2 }, gone: { command: '/no/such/agent' } },
  claude: { binaryPath: '/no/such/claude' },
});
if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
const { config } = parsed.value;
const host = { isolation: 'bwrap', sandbox: createSandbox({ isolation: 'none', clock: systemClock }), slots: 4, check: false } as const;
const soon = systemClock.now() + 3_600_000;
const rows = {
  runs: [
    { executorId: 'mine', repositoryId: 'a', count: 1 },
    { executorId: 'mine', repositoryId: 'b', count: 1 },
  ],
  conditions: [
    { executorId: 'claude', state: 'resting', reason: 'three failures in a row', until: soon, failure: null, trial: null },
    {
      executorId: 'gone',
      state: 'parked',
      reason: 'its token was refused',
      until: null,
      failure: { class: 'auth', message: 'refused', fix: 'Set another one.' },
      trial: null,
    },
  ],
} as const;
const style = (_: string, text: string): string => text;

test('each executor with what it does, how it is doing, and what is to be done', async () => {
  const executors = await executorsStatus(config, rows, host);
  expect(executors.find(({ id }) => id === 'mine')).toEqual({
    ...{ id: 'mine', kind: 'local', condition: 'ready', reason: null, until: null, fix: null },
    ...{ running: 2, cap: 2, isolation: 'bwrap' },
  });
  const text = executorLines(executors, { style }).join('\n');
  expect(text).toMatch(/claude +local +0 of 4 +bwrap +resting until \d\d:\d\d:\d\d: three failures in a row/);
  expect(text).toMatch(/mine +local +2 of 2 +bwrap +ready/);
  expect(text).toMatch(/gone +local +0 of 4 +bwrap +parked until it is mended: its token was refused/);
  expect(text).toContain('gone: to do: Set another one.');
});

test('with a check each is asked', async () => {
  const executors = await executorsStatus(config, { runs: [], conditions: [] }, { ...host, check: true });
  const healthOf = (id: string): object | undefined => executors.find((executor) => executor.id === id)?.health;
  expect(healthOf('mine')).toMatchObject({ state: 'ready' });
  expect(healthOf('gone')).toMatchObject({ state: 'unavailable', fix: expect.stringContaining('executors.gone.command') });
  expect(executorLines(executors, { style }).join('\n')).toMatch(/gone: The command \/no\/such\/agent .* is not there/);
});
