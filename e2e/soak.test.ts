import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const script = fileURLToPath(new URL('../bench/soak.ts', import.meta.url));
const limitMs = 600_000;

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The soak as `npm run soak` runs it. SIGTERM, at the limit, still ends all it started. */
function soak(...args: string[]): Promise<Ran> {
  const child = spawn(process.execPath, ['--conditions=cyrus-source', script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const late = setTimeout(() => child.kill('SIGTERM'), limitMs - 40_000);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(late);
      resolve({ code, stdout, stderr });
    });
  });
}

test('12 issues come through 6 kills: as many pull requests and closing answers, nothing twice, nothing left', {
  timeout: limitMs,
}, async () => {
  const { code, stdout, stderr } = await soak('--issues', '12', '--kills', '6', '--seed', '1', '--deadline', '500');
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  expect(stdout).toMatch(/^ok +kills +6 of 6$/m);
  expect(stdout).toMatch(/^ok +orphans +0$/m);
  expect(stdout).not.toMatch(/^FAIL/m);
});

test('a small day: people who change their minds, faults from every side and 4 kills; every question is answered or open, nothing is left', {
  timeout: limitMs,
}, async () => {
  const { code, stdout, stderr } = await soak(
    '--day',
    '--issues',
    '14',
    '--actions',
    '12',
    '--kills',
    '4',
    '--seed',
    '1',
    '--deadline',
    '500',
  );
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  expect(stdout).toMatch(/^ok +questions \(answered or open\) +2 of 2$/m);
  expect(stdout).toMatch(/^ok +kills +4 of 4$/m);
  expect(stdout).not.toMatch(/^FAIL/m);
});

test('a wrong number is a usage mistake', async () => {
  const { code, stderr } = await soak('--issues', 'many');
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('--issues must be a whole number') });
});
