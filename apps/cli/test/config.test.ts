import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundle } from '../../../e2e/support/bundle.ts';
import { plainEnvironment, type Ran } from '../../../e2e/support/program.ts';

let home: string;
let main: string;

beforeAll(async () => {
  ({ main } = await bundle());
  home = await mkdtemp(join(tmpdir(), 'cyrus-config-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

function cyrus(args: readonly string[], options: { readonly input?: string; readonly env?: Record<string, string> } = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, '--home', home, 'config', ...args], { env: plainEnvironment(options.env) });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(options.input ?? '');
  });
}

const written = async (): Promise<unknown> => JSON.parse(await readFile(join(home, 'config.json'), 'utf8'));

test('set, get and unset: the file is made for its owner alone, and holds what was said', async () => {
  expect(await cyrus(['set', 'codegen.maxCostPerDay', '20', 'drainMs', '1000'])).toMatchObject({ code: 0 });
  expect(await written()).toEqual({ codegen: { maxCostPerDay: 20 }, drainMs: 1000 });
  expect((await stat(join(home, 'config.json'))).mode & 0o777).toBe(0o600);
  expect(await cyrus(['get', 'codegen.maxCostPerDay'])).toMatchObject({ code: 0, stdout: '20\n' });
  expect(await cyrus(['get', 'limits.verifyTimeoutMs'])).toMatchObject({ code: 0, stdout: '1200000\n' });
  expect((await cyrus(['get', 'defaultModel'])).code).toBe(1);
  expect(JSON.parse((await cyrus(['get', 'drainMs', '--json'], { env: { CYRUS_DRAIN_MS: '7' } })).stdout)).toEqual({
    key: 'drainMs',
    value: 7,
    environment: 'CYRUS_DRAIN_MS',
  });
  expect(JSON.parse((await cyrus(['unset', 'drainMs', 'codegen', '--json'])).stdout)).toMatchObject({
    changed: true,
    keys: ['drainMs', 'codegen'],
  });
  expect(await written()).toEqual({});
});

test('a mistake: all of them are told, nothing is written, 78', async () => {
  const before = await readFile(join(home, 'config.json'), 'utf8');
  const wrong = await cyrus(['set', 'logLevel', 'debug', 'server.port', 'x', 'drainMs', 'soon', 'server.hots', 'a']);
  expect(wrong.code).toBe(78);
  expect(wrong.stderr).toMatch(/3 mistakes|server\.port[\s\S]*drainMs/);
  expect(wrong.stderr).toContain('Nothing has been written.');
  expect(await readFile(join(home, 'config.json'), 'utf8')).toBe(before);
  expect((await readdir(home)).filter((name) => name !== 'config.json')).toEqual([]);
  const json = await cyrus(['set', 'server.port', 'x', '--json']);
  expect(json.code).toBe(78);
  expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, changed: false });
  expect((await cyrus(['set', 'server.port'])).code).toBe(2);
});

test('what a new user gets wrong is told in words that help; the file stays as it was, with its comments', async () => {
  const before = await readFile(join(home, 'config.json'), 'utf8');
  const unknown = await cyrus(['set', 'sever.port', '3']);
  expect(unknown).toMatchObject({ code: 78 });
  expect(unknown.stderr).toMatch(/sever\n +is +a key that Cyrus does not know\n.*\n +fix +did you mean server\?/);
  const twice = await cyrus(['set', 'drainMs', '1', 'drainMs', '2']);
  expect(twice).toMatchObject({ code: 78 });
  expect(twice.stderr).toContain('name this key once');
  expect((await cyrus(['set', 'sandbox.egress', 'a.example'])).stderr).toContain('put it in brackets: ["a.example"]');
  const asked = await cyrus(['get', 'server.prot']);
  expect(asked).toMatchObject({ code: 2 });
  expect(asked.stderr).toContain('server.prot is not a known key; did you mean "port"?');
  expect(await readFile(join(home, 'config.json'), 'utf8')).toBe(before);

  const commented = '{\n  // mine\n  "drainMs": 5\n}\n';
  await writeFile(join(home, 'config.json'), commented);
  const refused = await cyrus(['set', 'drainMs', '6']);
  expect(refused).toMatchObject({ code: 78 });
  expect(refused.stderr).toContain('no comment: JSON has none');
  expect(await readFile(join(home, 'config.json'), 'utf8')).toBe(commented);
  await writeFile(join(home, 'config.json'), before);
});

test('a secret comes by stdin, and is shown only when asked for', async () => {
  expect(await cyrus(['set', 'linear.token', '-'], { input: 'lin_api_very-secret\n' })).toMatchObject({ code: 0 });
  expect(await written()).toMatchObject({ linear: { token: 'lin_api_very-secret' } });
  for (const args of [['get', 'linear.token'], ['get', 'linear'], ['get'], ['get', '--json'], ['set', 'linear.token', '7']])
    expect(Object.values(await cyrus(args)).join('')).not.toContain('very-secret');
  await cyrus(['set', 'linear.token', '-'], { input: 'lin_api_very-secret' });
  expect((await cyrus(['get', 'linear.token', '--reveal'])).stdout).toBe('lin_api_very-secret\n');
  expect((await cyrus(['set', 'linear.token', 'lin_api_x'])).stderr).toContain('history');
  expect((await cyrus(['set', 'linear.token', '-'])).code).toBe(2);
  const whole = await cyrus(['set', 'linear', '{"token":"lin_api_hidden"}']);
  expect(whole.stderr).toContain('history');
  expect(whole.stdout + whole.stderr).not.toContain('lin_api_hidden');
});

test('the mode and a link stay; two at once lose nothing', async () => {
  const elsewhere = join(home, 'elsewhere.json');
  await writeFile(elsewhere, '{}\n');
  await chmod(elsewhere, 0o640);
  await rm(join(home, 'config.json'));
  await symlink(elsewhere, join(home, 'config.json'));
  const keys = ['drainMs', 'limits.maxFileMb', 'limits.maxIssueDepth', 'retention.jobsDays'];
  const all = await Promise.all(keys.map((key) => cyrus(['set', key, '9'])));
  expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  expect(JSON.parse(await readFile(elsewhere, 'utf8'))).toEqual({
    drainMs: 9,
    limits: { maxFileMb: 9, maxIssueDepth: 9 },
    retention: { jobsDays: 9 },
  });
  expect((await stat(elsewhere)).mode & 0o777).toBe(0o640);
});

test('a service that runs is said to need a new start', async () => {
  const server = createServer((_request, response) => response.end('{"ok":true}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const set = await cyrus(['set', 'server.port', String(port)]);
  expect(set.stderr).toContain(`Cyrus is running at http://127.0.0.1:${port}`);
  const json = await cyrus(['set', 'logLevel', 'debug', '--json']);
  expect(JSON.parse(json.stdout)).toMatchObject({ ok: true, restartNeeded: true });
  await new Promise((resolve) => server.close(resolve));
  expect(JSON.parse((await cyrus(['set', 'logLevel', 'info', '--json'])).stdout)).toMatchObject({ restartNeeded: false });
});
