import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runToEnd } from './support/program.ts';

const main = fileURLToPath(new URL('../bench/main.ts', import.meta.url));
const bench = (...args: string[]) => runToEnd(process.execPath, ['--conditions=cyrus-source', main, ...args], { withinMs: 220_000 });

test('a benchmark prints rows that say what was measured, on what, and what was to be reached', async () => {
  const { code, stdout, stderr } = await bench('cold-start', '--samples', '1', '--json');
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toEqual([
    {
      name: 'cold-start',
      value: expect.any(Number),
      unit: 'ms',
      floor: expect.any(Number),
      ratio: expect.any(Number),
      target: { of: 'value', atMost: 900 },
      pass: expect.any(Boolean),
      samples: 1,
      machine: {
        cores: expect.any(Number),
        cpu: expect.any(String),
        memoryMb: expect.any(Number),
        kernel: expect.any(String),
        load: expect.any(Number),
      },
      versions: {
        node: expect.stringMatching(/^\d+\.\d+/),
        postgres: expect.stringMatching(/^\d+\.\d+/),
        git: expect.stringMatching(/^\d+\.\d+/),
        agent: expect.any(String),
      },
    },
  ]);
});

test('a name that is no benchmark is refused, with those there are', async () => {
  const { code, stderr } = await bench('no-such-thing');
  expect(code).toBe(2);
  expect(stderr).toContain('first-model-request');
});
