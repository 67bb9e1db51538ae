import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bundle } from '../../../e2e/support/bundle.ts';
import { type Environment, plainEnvironment } from '../../../e2e/support/program.ts';
import { type CodegenStandIn, startCodegen } from '../../../stand-ins/codegen/src/server.ts';
import type { Asker } from '../src/ask.ts';
import { codegenSetup } from '../src/commands/codegen-setup.ts';
import { loadConfig } from '../src/configuration.ts';
import { homeOf } from '../src/home.ts';

let main: string;
let home: string;
let codegen: CodegenStandIn;

beforeAll(async () => {
  main = (await bundle()).main;
});
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'cyrus-codegen-'));
  codegen = await startCodegen({ limitFactor: 0 });
});
afterEach(async () => {
  await codegen.stop();
  await rm(home, { recursive: true, force: true });
});

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function cyrus(
  args: readonly string[],
  more: { readonly input?: string; readonly environment?: Environment; readonly signal?: RegExp } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, '--home', home, ...args], { env: { ...plainEnvironment(more.environment) } });
    let [stdout, stderr, signalled] = ['', '', false];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (signalled || !more.signal?.test(stderr)) return;
      signalled = true;
      child.kill('SIGINT');
    });
    child.stdin.end(more.input ?? '');
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const written = async (): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(home, 'config.json'), 'utf8')) as Record<string, unknown>;
const access = (): Environment => ({ CODEGEN_API_TOKEN: codegen.token, CODEGEN_ORG_ID: '42' });
const configure = (config: object): Promise<void> => writeFile(join(home, 'config.json'), JSON.stringify(config));

describe('codegen setup', () => {
  test('with flags: what is right is written for its owner alone, the token from stdin; other keys stay', async () => {
    await configure({ logLevel: 'warn' });
    const { code, stdout, stderr } = await cyrus(
      ['codegen', 'setup', '--base-url', codegen.url, '--token', '-', '--strategy', 'hybrid-smart', '--cost-per-run', '0.5'],
      { input: `${codegen.token}\n` },
    );
    expect([code, stdout]).toEqual([0, `Codegen is set up in ${join(home, 'config.json')}: organisation Acme (42).\n`]);
    expect(await written()).toEqual({
      logLevel: 'warn',
      codegen: { enabled: true, baseUrl: codegen.url, orgId: 42, apiToken: codegen.token, estimatedCostPerRunUsd: 0.5 },
      strategy: 'hybrid-smart',
    });
    expect(stdout + stderr).not.toContain(codegen.token);
  });

  test('what the environment says is used and not copied', async () => {
    const { code, stdout } = await cyrus(['codegen', 'setup', '--base-url', codegen.url, '--json'], { environment: access() });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      changed: true,
      orgId: 42,
      organisation: 'Acme',
      user: 'dev',
      strategy: 'local-only',
    });
    expect(await written()).toEqual({ codegen: { enabled: true, baseUrl: codegen.url } });
    expect((await stat(join(home, 'config.json'))).mode & 0o777).toBe(0o600);
  });

  test.each<[string, readonly string[], string, number, RegExp, RegExp]>([
    ['a wrong token', ['--token', '-'], 'wrong', 1, /did not accept the API token.*[^.]\. Nothing has been written/, /CODEGEN_API_TOKEN/],
    [
      'a wrong organisation',
      ['--token', '-', '--org-id', '7'],
      'cg_local',
      1,
      /organisation 7 is not one of its own: Acme \(42\)/,
      /CODEGEN_ORG_ID/,
    ],
    ['an organisation that is no number', ['--token', '-', '--org-id', 'acme'], 'cg_local', 2, /"acme" is no organisation/, /number/],
    [
      'an organisation that is no number, before anybody is asked',
      ['--token', '-', '--org-id', 'acme', '--base-url', 'http://127.0.0.1:1'],
      'cg_local',
      2,
      /"acme" is no organisation/,
      /number/,
    ],
    [
      'an unreachable host',
      ['--token', '-', '--base-url', 'http://127.0.0.1:1'],
      'cg_local',
      1,
      /No answer from Codegen at/,
      /codegen\.baseUrl/,
    ],
    ['no token at all', [], '', 2, /token is missing/, /--token -/],
    ['an unknown strategy', ['--token', '-', '--strategy', 'cloudy'], 'cg_local', 2, /"cloudy" is no strategy/, /local-only, cloud-only/],
  ])('%s: a message of its own, and nothing is written', async (_name, args, input, code, message, fix) => {
    const base = args.includes('--base-url') ? [] : ['--base-url', codegen.url];
    const ran = await cyrus(['codegen', 'setup', ...base, ...args], { input });
    expect(ran.code).toBe(code);
    expect(ran.stderr).toMatch(message);
    expect(ran.stderr).toMatch(fix);
    await expect(stat(join(home, 'config.json'))).rejects.toThrow();
  });

  test('a discontinued service is named as such', async () => {
    codegen.setFaults({ discontinued: 'page' });
    const ran = await cyrus(['codegen', 'setup', '--base-url', codegen.url], { environment: access() });
    expect([ran.code, ran.stdout]).toEqual([1, '']);
    expect(ran.stderr).toContain('discontinued in January 2026');
    const unchecked = await cyrus(['codegen', 'setup', '--base-url', codegen.url, '--no-check'], { environment: access() });
    expect(unchecked.code).toBe(0);
    expect(await written()).toEqual({ codegen: { enabled: true, baseUrl: codegen.url } });
  });

  test('with somebody to ask: what is missing is asked for, and only that', async () => {
    const asked: string[] = [];
    const answers: Record<string, string> = { 'API token (it is not shown)': codegen.token, 'Where is work to go?': 'cloud-only' };
    const answer = async (question: string): Promise<string> => {
      asked.push(question);
      return answers[question] ?? '';
    };
    const asker: Asker = { text: answer, secret: answer, choose: answer };
    const where = homeOf(home, {});
    const lines: string[] = [];
    const terminal = { out: (line: string) => void lines.push(line), err: () => undefined, style: (_style: string, text: string) => text };
    const context = { home: where, terminal, environment: {}, config: () => loadConfig(where.configFile, {}, terminal) };
    await codegenSetup(context, { baseUrl: codegen.url, check: true }, asker);
    expect(asked).toEqual(['API token (it is not shown)', 'Where is work to go?']);
    expect(await written()).toEqual({
      codegen: { enabled: true, baseUrl: codegen.url, orgId: 42, apiToken: codegen.token },
      strategy: 'cloud-only',
    });
    expect(lines).toEqual([`Codegen is set up in ${where.configFile}: organisation Acme (42).`]);
  });
});

describe('codegen test', () => {
  test('a run from its beginning to its end: progress on stderr, the answer on stdout', async () => {
    await configure({ codegen: { baseUrl: codegen.url, pollMs: 50 } });
    codegen.setScript('Fix the bug', [
      { think: 'Reading.' },
      { tool: 'RunCommand', input: { command: 'npm test' }, output: { output: 'ok' } },
      { push: true },
      { pullRequest: true },
      { end: 'COMPLETE', result: 'Fixed \u001b[31mit.' },
    ]);
    const ran = await cyrus(['codegen', 'test', '--task', 'Fix the bug in auth.ts', '--repo', 'acme/app'], { environment: access() });
    const [run] = codegen.runs();
    expect(ran.code).toBe(0);
    expect(ran.stdout).toBe(`Fixed it.\n\nPull request: ${run?.pullRequests[0]?.url}\n`);
    expect(ran.stderr).toMatch(/organisation Acme \(42\), as dev\nrun \d+: http.*\nagent: Reading\.\n/);
    expect(ran.stderr).toContain('npm test');
    expect(run?.prompts[0]).toMatch(/- Base Branch: `main`\n- Start Branch: `main` \(begin there/);
    expect(run?.branch).toMatch(/^cyrus\/codegen-test-/);
  });

  test('as JSON; a run that fails exits 1', async () => {
    await configure({ codegen: { baseUrl: codegen.url, pollMs: 50 } });
    const ran = await cyrus(['codegen', 'test', '--json', '--task', 'CODEGEN:[{"error":"no disk"},{"end":"ERROR","result":""}]'], {
      environment: access(),
    });
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      ok: false,
      state: 'failed',
      branch: null,
      pullRequestUrl: null,
      failure: { class: 'agent_failed', message: expect.stringContaining('no disk') },
    });
    expect(ran.stderr).toContain('Codegen itself chooses the repository');
  });

  test('Ctrl+C stops the run, where it can be stopped', async () => {
    await configure({ codegen: { baseUrl: codegen.url, pollMs: 50 } });
    const ran = await cyrus(
      ['codegen', 'test', '--json', '--task', 'CODEGEN:[{"push":true},{"pullRequest":true},{"think":"waiting"},{"until":"never"}]'],
      { environment: access(), signal: /waiting/ },
    );
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('The run has stopped.');
    expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, state: 'cancelled' });
    expect(codegen.runs()[0]?.status).toBe('CANCELLED');
  });

  test('a checkout here is its origin, without the login in its address', async () => {
    const { runCommand } = await import('../src/demo/git.ts');
    const checkout = join(home, 'checkout');
    await mkdir(checkout);
    await runCommand('git', ['init', '-q'], checkout);
    await runCommand('git', ['remote', 'add', 'origin', 'https://me:hunter2@github.com/acme/app.git'], checkout);
    await configure({ codegen: { baseUrl: codegen.url, pollMs: 50 } });
    const task = 'CODEGEN:[{"end":"COMPLETE","result":"Done."}]';
    const ran = await cyrus(['codegen', 'test', '--task', task, '--repo', checkout, '--base', 'dev'], { environment: access() });
    expect([ran.code, ran.stdout]).toEqual([0, 'Done.\n']);
    expect(codegen.runs()[0]?.prompts[0]).toContain('- Repository: https://github.com/acme/app.git\n- Base Branch: `dev`');
    expect(codegen.runs()[0]?.prompts[0]).not.toContain('hunter2');
  });

  test('what is missing: 2 for the command, 78 for the configuration', async () => {
    expect((await cyrus(['codegen', 'test'])).code).toBe(2);
    expect((await cyrus(['codegen', 'test', '--task', ' '])).code).toBe(2);
    const bare = await cyrus(['codegen', 'test', '--task', 'x']);
    expect(bare.code).toBe(78);
    expect(bare.stderr).toContain('cyrus codegen setup');
    await configure({ codegen: { baseUrl: codegen.url } });
    expect((await cyrus(['codegen', 'test', '--task', 'x', '--repo', '/nowhere/at/all'], { environment: access() })).code).toBe(2);
  });
});

test('doctor tells how Codegen is', async () => {
  await configure({
    codegen: { enabled: true, baseUrl: codegen.url, apiToken: codegen.token, orgId: 'acme', strategy: 'cloud-only' },
    server: { port: 0 },
  });
  const { stdout } = await cyrus(['doctor', '--json']);
  const text = JSON.stringify(JSON.parse(stdout));
  expect(text).toContain('organisations by a whole number');
  expect(text).not.toContain(codegen.token);
});
