import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type GitHubStandIn, startGitHub } from 'cyrus-stand-in-github/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CodegenStandIn, startCodegen } from '../src/server.ts';

type Loose = Readonly<Record<string, unknown>>;

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Loose;
}

async function call(codegen: CodegenStandIn, method: string, path: string, body?: unknown): Promise<Reply> {
  const response = await fetch(`${codegen.url}/v1/organizations/42/${path}`, {
    method,
    headers: { authorization: `Bearer ${codegen.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Loose };
}

const create = (codegen: CodegenStandIn, prompt = 'CODEGEN:[{"think":"hm"}]'): Promise<Reply> =>
  call(codegen, 'POST', 'agent/run', { prompt });

async function until<T>(what: string, condition: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  for (const deadline = Date.now() + 60_000; ; ) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await pause(10);
  }
}

describe('with a code host', () => {
  let github: GitHubStandIn;
  let codegen: CodegenStandIn;
  beforeEach(async () => {
    github = await startGitHub();
    await github.createRepository({ owner: 'acme', name: 'app' });
    codegen = await startCodegen({
      gitRoot: github.url.replace('http://', `http://any:${github.token}@`),
      github: { apiUrl: github.apiUrl, token: github.token },
    });
  });
  afterEach(async () => {
    await codegen.stop();
    await github.stop();
  });

  test('a run pushes real commits where its prompt says and opens a pull request', async () => {
    const prompt = 'Do it.\n- Base Branch: `main`\n- Push Branch: `cyrus/eng-1`\n';
    const { body } = await create(codegen, prompt);
    const done = await until('the run to end', async () => {
      const { body: run } = await call(codegen, 'GET', `agent/run/${body['id']}`);
      return run['status'] !== 'ACTIVE' && run;
    });
    expect(done).toMatchObject({ status: 'COMPLETE', github_pull_requests: [{ head_branch_name: 'cyrus/eng-1' }] });
    const [repository] = github.state().repositories;
    expect(repository?.pulls).toMatchObject([{ head: 'cyrus/eng-1', base: 'main', state: 'open' }]);
    expect((done['github_pull_requests'] as readonly Loose[])[0]?.['url']).toBe(repository?.pulls[0]?.url);
  });

  test('a pull request that cannot be opened is the error of its run', async () => {
    const { body } = await create(codegen, 'CODEGEN:[{"push":true},{"pullRequest":{"base":"ghost"}}]');
    await until('the run to end', async () => (await call(codegen, 'GET', `agent/run/${body['id']}`)).body['status'] === 'ERROR');
    expect(codegen.runs()[0]?.log.map(({ message_type }) => message_type)).toEqual(['USER_MESSAGE', 'ERROR', 'FINAL_ANSWER']);
  });
});

describe('alone', () => {
  let codegen: CodegenStandIn;
  beforeEach(async () => {
    codegen = await startCodegen();
  });
  afterEach(() => codegen.stop());

  test('ten creates a minute and sixty reads are answered, the next ones refused', async () => {
    const created: number[] = [];
    for (let left = 11; left > 0; left--) created.push((await create(codegen)).status);
    expect(created).toEqual([...Array.from({ length: 10 }, () => 200), 429]);
    const read: number[] = [];
    for (let left = 61; left > 0; left--) read.push((await call(codegen, 'GET', 'agent/runs?limit=1')).status);
    expect(read.filter((status) => status === 200)).toHaveLength(60);
    expect(read.at(-1)).toBe(429);
  });

  test('an answer that is lost has taken effect; a late create has not yet', async () => {
    codegen.setFaults({ loseAnswer: { 'runs.create': 1 } });
    await expect(create(codegen)).rejects.toThrow();
    expect((await call(codegen, 'GET', 'agent/runs')).body['total']).toBe(1);
    codegen.setFaults({ lateCreate: { count: 1, ms: 8_000 } });
    await expect(
      fetch(`${codegen.url}/v1/organizations/42/agent/run`, {
        method: 'POST',
        headers: { authorization: `Bearer ${codegen.token}` },
        body: '{"prompt":"late"}',
        signal: AbortSignal.timeout(2_000),
      }),
    ).rejects.toThrow();
    expect((await call(codegen, 'GET', 'agent/runs')).body['total']).toBe(1);
    await until('the late run', async () => (await call(codegen, 'GET', 'agent/runs')).body['total'] === 2);
  });

  test('every other fault shows', async () => {
    const first = (await create(codegen)).body['id'];
    await until('the run to end', () => codegen.runs()[0]?.status === 'COMPLETE');
    const status = async (): Promise<unknown> => (await call(codegen, 'GET', `agent/run/${first}`)).body['status'];
    codegen.setFaults({ status: { word: 'DREAMING' } });
    expect(await status()).toBe('DREAMING');
    codegen.setFaults({ status: { word: null } });
    expect(await status()).toBeNull();
    codegen.setFaults({ clear: true, refuseCreate: { count: 1, status: 429, retryAfterSeconds: 7 } });
    expect((await create(codegen)).headers.get('retry-after')).toBe('7');
    codegen.setFaults({ hideNewMs: 60_000, stuck: true });
    const hidden = (await create(codegen)).body['id'];
    expect((await call(codegen, 'GET', `agent/run/${hidden}`)).status).toBe(404);
    codegen.setFaults({ hideNewMs: 0 });
    await codegen.runs()[1]?.playing;
    expect((await call(codegen, 'GET', `agent/run/${hidden}`)).body['status']).toBe('ACTIVE');
    codegen.setFaults({ outage: { ms: 60_000 } });
    expect((await call(codegen, 'GET', 'agent/runs')).status).toBe(503);
    codegen.setFaults({ outage: { ms: 60_000, kind: 'disconnect' } });
    await expect(call(codegen, 'GET', 'agent/runs')).rejects.toThrow();
    codegen.setFaults({ clear: true, discontinued: 'page' });
    expect((await fetch(`${codegen.url}/v1/users/me`)).headers.get('content-type')).toContain('text/html');
    codegen.setFaults({ discontinued: 410 });
    expect((await fetch(`${codegen.url}/v1/users/me`)).status).toBe(410);
    const misspelt = await fetch(`${codegen.url}/control/faults`, { method: 'POST', body: '{"stuk":true}' });
    expect([misspelt.status, await misspelt.text()]).toEqual([400, expect.stringContaining('no fault switch stuk')]);
  });
});

test('the program says where it is, is driven by HTTP, and ends when it is told', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../src/main.ts'), '--org-id', '42', '--until-stdin-ends'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  try {
    const line = await new Promise<string>((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())));
    const program = JSON.parse(line) as CodegenStandIn;
    expect(program).toMatchObject({ ready: true, organisationId: 42, token: 'cg_local' });
    const control = (path: string, body: unknown): Promise<Response> =>
      fetch(`${program.url}/control/${path}`, { method: 'POST', body: JSON.stringify(body) });
    expect((await control('repositories', { fullName: 'acme/other' })).status).toBe(201);
    expect((await control('script', { match: 'wait for it', steps: [{ until: 'now' }] })).status).toBe(200);
    const { body } = await create(program, 'wait for it');
    await control('go', { name: 'now' });
    await until('the run to end', async () => (await call(program, 'GET', `agent/run/${body['id']}`)).body['status'] === 'COMPLETE');
    const state = (await (await fetch(`${program.url}/control/state`)).json()) as Loose;
    expect(state['runs']).toMatchObject([{ prompts: ['wait for it'], status: 'COMPLETE' }]);
    expect(((await (await fetch(`${program.url}/control/calls?operation=runs.create`)).json()) as Loose)['calls']).toHaveLength(1);
  } finally {
    child.stdin.end();
  }
  expect(await ended).toBe(0);
});
