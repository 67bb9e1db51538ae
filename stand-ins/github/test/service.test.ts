import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GitHubStandIn, startGitHub } from '../src/server.ts';
import { act, git, receiver, rest, withToken } from './drive.ts';

const repo = '/repos/acme/widget';
let github: GitHubStandIn;
let directory: string;
let cloneUrl: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'github-service-'));
  github = await startGitHub({
    tokens: { writer: { login: 'cyrus-bot' }, reader: { login: 'reader', permission: 'read' } },
  });
  ({ cloneUrl } = await github.createRepository({ owner: 'acme', name: 'widget' }));
});
afterEach(async () => {
  await github.stop();
  await rm(directory, { recursive: true, force: true });
});

const clone = async (token = 'writer'): Promise<string> => {
  const work = join(directory, 'work');
  await git(directory, 'clone', '-q', withToken(cloneUrl, token), work);
  return work;
};
const commit = async (work: string, file: string, content: string | Buffer): Promise<string> => {
  await writeFile(join(work, file), content);
  await git(work, 'add', '-A');
  await git(work, 'commit', '-qm', file);
  return git(work, 'rev-parse', 'HEAD');
};
const directoryOf = (fullName: string): string =>
  github.state().repositories.find((repository) => repository.fullName === fullName)?.directory ?? '';
/** Polls until it holds; fails after 20 s. */
const until = async (holds: () => Promise<boolean>, everyMs = 20): Promise<void> => {
  for (const deadline = Date.now() + 20_000; !(await holds()); ) {
    if (Date.now() > deadline) throw new Error('it never came to hold');
    await sleep(everyMs);
  }
};
/** The processes whose environment names this text. */
const processesWith = async (text: string): Promise<readonly string[]> => {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)))
    if ((await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')).includes(text)) found.push(pid);
  return found;
};
const openPull = async (branch: string): Promise<void> => {
  await github.people.push({ repository: 'acme/widget', branch, files: { [`${branch}.txt`]: branch } });
  expect((await rest(github, 'POST', `${repo}/pulls`, { title: branch, head: branch, base: 'main' })).status).toBe(201);
};

describe('git', () => {
  test('refuses a missing or wrong token, and a push with a token that may only read', async () => {
    await expect(git(directory, 'clone', '-q', cloneUrl, 'none')).rejects.toThrow(/could not read Username|Authentication failed/);
    await expect(git(directory, 'clone', '-q', withToken(cloneUrl, 'wrong'), 'none')).rejects.toThrow('Authentication failed');
    const work = await clone('reader');
    await commit(work, 'a.txt', '1');
    await expect(git(work, 'push', '-q', 'origin', 'HEAD:refs/heads/x')).rejects.toThrow('403');
    await expect(git(directory, 'clone', '-q', withToken(cloneUrl.replace('widget', 'none'), 'writer'), 'none')).rejects.toThrow(
      'not found',
    );
    expect(github.state().pushes).toEqual([]);
  });

  test('takes a push of several megabytes and gives it back, byte for byte', async () => {
    const work = await clone();
    const bytes = Buffer.alloc(6_000_000);
    for (let index = 0; index < bytes.length; index += 4) bytes.writeUInt32LE(Math.imul(index, 2_654_435_761) >>> 0, index);
    const sha = await commit(work, 'big.bin', bytes);
    await git(work, 'push', '-q', 'origin', 'HEAD:refs/heads/big');
    const again = join(directory, 'again');
    await git(directory, 'clone', '-q', '-b', 'big', withToken(cloneUrl, 'writer'), again);
    expect(await git(again, 'rev-parse', 'HEAD:big.bin')).toBe(await git(work, 'rev-parse', 'HEAD:big.bin'));
    expect(github.state().pushes).toMatchObject([
      { by: 'cyrus-bot', via: 'git', repository: 'acme/widget', ref: 'refs/heads/big', old: '0'.repeat(40), new: sha },
    ]);
  });

  test.skipIf(!existsSync('/proc'))('sends a large fetch only as fast as it is read, and ends git when the reader goes away', async () => {
    const size = 40_000_000;
    const { sha } = await github.people.push({
      repository: 'acme/widget',
      branch: 'main',
      files: { 'big.txt': randomBytes(size / 2).toString('hex') },
    });
    const held = process.memoryUsage().arrayBuffers;
    const want = `want ${sha}\n`;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const asking = httpRequest(
        `${cloneUrl}/git-upload-pack`,
        { method: 'POST', auth: 'any:writer', headers: { 'content-type': 'application/x-git-upload-pack-request' } },
        resolve,
      );
      asking.once('error', reject);
      asking.end(`${(want.length + 4).toString(16).padStart(4, '0')}${want}00000009done\n`);
    });
    response.on('error', () => undefined);
    const running = () => processesWith(directoryOf('acme/widget'));
    await until(async () => (await running()).length > 0);
    let read = -1;
    await until(async () => {
      const before = read;
      read = response.socket.bytesRead;
      return before === read;
    }, 200);
    expect(process.memoryUsage().arrayBuffers - held).toBeLessThan(10_000_000);
    expect(read).toBeLessThan(size / 4);
    response.destroy();
    await until(async () => (await running()).length === 0);
  });

  test('a push with a lease on another head than there is moves nothing', async () => {
    const work = await clone();
    await github.people.push({ repository: 'acme/widget', branch: 'main', files: { 'README.md': 'changed\n' } });
    const sha = await commit(work, 'a.txt', '1');
    const seen = await git(work, 'rev-parse', 'origin/main');
    await expect(git(work, 'push', '-q', `--force-with-lease=main:${seen}`, 'origin', `${sha}:refs/heads/main`)).rejects.toThrow('stale');
    expect(github.state().pushes).toHaveLength(1);
  });

  test('a branch that goes closes its pull request; one that moves takes it along', async () => {
    await openPull('feat');
    const { sha } = await github.people.push({ repository: 'acme/widget', branch: 'feat', files: { 'more.txt': 'x' } });
    expect(github.state().repositories[0]?.pulls[0]).toMatchObject({ headSha: sha, state: 'open' });
    const work = await clone();
    await git(work, 'push', '-q', 'origin', ':feat');
    expect(github.state().repositories[0]?.pulls[0]).toMatchObject({ headSha: sha, state: 'closed', merged: false });
  });
});

describe('seeds', () => {
  test('a directory, a repository and nothing at all', async () => {
    const plain = join(directory, 'plain');
    await mkdir(join(plain, 'src'), { recursive: true });
    await writeFile(join(plain, 'src', 'a.js'), '1');
    await writeFile(join(plain, '.gitignore'), '*.log\n.gitignore\n');
    await writeFile(join(plain, 'x.log'), '1');
    const source = join(directory, 'source');
    await git(directory, 'init', '-q', '-b', 'trunk', source);
    const head = await commit(source, 'b.txt', '2');
    const seeded = await act(github, 'POST', '/control/repositories', {
      owner: 'acme',
      name: 'plain',
      seedFrom: plain,
      defaultBranch: 'dev',
    });
    expect(seeded.status).toBe(201);
    expect(await git(seeded.body.directory, 'ls-tree', '-r', '--name-only', 'dev')).toBe('src/a.js');
    const taken = await github.createRepository({ owner: 'acme', name: 'taken', seedFrom: source });
    expect(await git(taken.directory, 'rev-parse', 'main')).toBe(head);
    const empty = await github.createRepository({ owner: 'acme', name: 'empty', empty: true });
    expect(await git(empty.directory, 'for-each-ref')).toBe('');
    expect((await act(github, 'POST', '/control/repositories', { owner: 'acme', name: '../x' })).status).toBe(400);
    expect((await act(github, 'POST', '/control/repositories', { owner: 'ACME', name: 'Widget' })).body.message).toContain('exists');
  });
});

describe('pull requests', () => {
  test('many creates at once for one branch make one', async () => {
    await github.people.push({ repository: 'acme/widget', branch: 'feat', files: { a: 'a' } });
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => rest(github, 'POST', `${repo}/pulls`, { title: 't', head: 'feat', base: 'main' })),
    );
    expect(replies.map((reply) => reply.status).sort()).toEqual([201, 422, 422, 422, 422, 422, 422, 422]);
    expect(github.state().repositories[0]?.pulls).toHaveLength(1);
  });

  test('conflicting ends are not mergeable and no merge commit is made', async () => {
    await github.people.push({ repository: 'acme/widget', branch: 'feat', files: { 'README.md': 'theirs\n' } });
    await rest(github, 'POST', `${repo}/pulls`, { title: 't', head: 'feat', base: 'main' });
    const { sha } = await github.people.push({ repository: 'acme/widget', branch: 'main', files: { 'README.md': 'ours\n' } });
    await rest(github, 'GET', `${repo}/pulls/1`);
    expect((await rest(github, 'GET', `${repo}/pulls/1`)).body).toMatchObject({ mergeable: false, mergeable_state: 'dirty' });
    expect(await rest(github, 'PUT', `${repo}/pulls/1/merge`, {})).toMatchObject({
      status: 405,
      body: { message: 'Pull Request is not mergeable' },
    });
    expect((await rest(github, 'GET', `${repo}/git/ref/heads/main`)).body.object.sha).toBe(sha);
  });

  test('a base that moved under a merge refuses it, and nothing is merged', async () => {
    await openPull('feat');
    // Moved behind the service's back, as a push that is still being taken in.
    const directory = directoryOf('acme/widget');
    const old = await git(directory, 'rev-parse', 'main');
    const other = await git(directory, 'commit-tree', `${old}^{tree}`, '-p', old, '-m', 'other');
    await git(directory, 'update-ref', 'refs/heads/main', other);
    expect(await rest(github, 'PUT', `${repo}/pulls/1/merge`, {})).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining('Base branch') },
    });
    expect(github.state().repositories[0]?.pulls[0]).toMatchObject({ state: 'open', merged: false });
  });

  test('a squash has one parent', async () => {
    await openPull('feat');
    const { body } = await rest(github, 'PUT', `${repo}/pulls/1/merge`, { merge_method: 'squash' });
    const parents = await git(github.state().repositories[0]?.directory ?? '', 'log', '-1', '--format=%P|%s', body.sha);
    expect(parents).toMatch(/^[0-9a-f]{40}\|feat \(#1\)$/);
  });

  test('lists in pages', async () => {
    await openPull('a');
    await openPull('b');
    await openPull('c');
    const first = await rest(github, 'GET', `${repo}/pulls?per_page=2`);
    expect(first.body.map((pull: { number: number }) => pull.number)).toEqual([3, 2]);
    const next = /<([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    expect((await rest(github, 'GET', next.replace(github.url, ''))).body.map((pull: { number: number }) => pull.number)).toEqual([1]);
  });

  test('a token that may only read writes nothing', async () => {
    await github.people.push({ repository: 'acme/widget', branch: 'feat', files: { a: 'a' } });
    expect((await rest(github, 'POST', `${repo}/pulls`, { title: 't', head: 'feat', base: 'main' }, 'reader')).status).toBe(403);
    expect((await rest(github, 'GET', `${repo}/pulls`, undefined, 'reader')).status).toBe(200);
    expect((await rest(github, 'GET', `${repo}/pulls`, undefined, '')).status).toBe(401);
  });
});

describe('faults', () => {
  test('an answer lost after a create: the connection is cut and the pull request is there', async () => {
    await github.people.push({ repository: 'acme/widget', branch: 'feat', files: { a: 'a' } });
    await act(github, 'POST', '/control/faults', { loseAnswer: { 'pulls.create': 1 } });
    await expect(rest(github, 'POST', `${repo}/pulls`, { title: 't', head: 'feat', base: 'main' })).rejects.toThrow();
    expect((await rest(github, 'POST', `${repo}/pulls`, { title: 't', head: 'feat', base: 'main' })).status).toBe(422);
    expect(github.calls('pulls.create').map(({ status, lost }) => [status, lost])).toEqual([
      [0, true],
      [422, false],
    ]);
  });

  test('an answer lost after a push: git fails and the ref has moved', async () => {
    const work = await clone();
    const sha = await commit(work, 'a.txt', '1');
    github.setFaults({ loseAnswer: { 'git.push': 1 } });
    await expect(git(work, 'push', '-q', 'origin', 'HEAD:refs/heads/feat')).rejects.toThrow();
    expect(await git(work, 'ls-remote', 'origin', 'refs/heads/feat')).toContain(sha);
    expect(github.state().pushes).toHaveLength(1);
  });

  test('counted failures, rate limits of both kinds, an outage and its end', async () => {
    github.setFaults({ failNext: { count: 1, status: 500, operation: 'repos.get' } });
    expect((await rest(github, 'GET', `${repo}/pulls`)).status).toBe(200);
    expect([(await rest(github, 'GET', repo)).status, (await rest(github, 'GET', repo)).status]).toEqual([500, 200]);

    github.setFaults({ rateLimitNext: { count: 1, retryAfterSeconds: 7 } });
    const secondary = await rest(github, 'GET', repo);
    expect([secondary.status, secondary.headers.get('retry-after')]).toEqual([403, '7']);
    github.setFaults({ rateLimitNext: { count: 1, kind: 'primary', retryAfterSeconds: 60 } });
    const primary = await rest(github, 'GET', repo);
    expect([primary.status, primary.headers.get('x-ratelimit-remaining'), primary.headers.get('retry-after')]).toEqual([403, '0', null]);
    expect(Number(primary.headers.get('x-ratelimit-reset')) * 1000).toBeGreaterThan(Date.now());

    github.setFaults({ outageMs: 3_600_000 });
    expect((await rest(github, 'GET', repo)).status).toBe(503);
    await expect(git(directory, 'clone', '-q', withToken(cloneUrl, 'writer'), 'none')).rejects.toThrow('503');
    github.setFaults({ outageKind: 'disconnect' });
    await expect(rest(github, 'GET', repo)).rejects.toThrow();
    github.setFaults({ clear: true });
    expect((await rest(github, 'GET', repo)).status).toBe(200);
  });

  test('the limits of the service itself', async () => {
    const small = await startGitHub({ limits: { perHour: 3, writesPerMinute: 1 } });
    await small.createRepository({ owner: 'acme', name: 'widget' });
    const statuses = [];
    for (const method of ['POST', 'POST', 'GET', 'GET'])
      statuses.push((await rest(small, method, `${repo}/pulls`, method === 'GET' ? undefined : {})).status);
    expect(statuses).toEqual([422, 403, 200, 403]);
    expect((await rest(small, 'GET', '/rate_limit')).body.rate).toMatchObject({ limit: 3, remaining: 0, used: 3 });
    await small.stop();
  });
});

describe('webhooks', () => {
  test('are sent twice with one id, dropped or redelivered when told so', async () => {
    const hooks = await receiver(500);
    github.setWebhook({ url: hooks.url, secret: 'x' });
    await openPull('feat');
    github.setFaults({ webhooks: { duplicate: 1 } });
    await github.people.comment({ repository: 'acme/widget', number: 1, body: 'twice' });
    await github.settled();
    github.setFaults({ webhooks: { dropNext: 1 } });
    await github.people.comment({ repository: 'acme/widget', number: 1, body: 'never' });
    await github.settled();
    const comments = hooks.received.filter(({ headers }) => headers['x-github-event'] === 'issue_comment');
    expect(comments.map(({ payload }) => payload.comment.body)).toEqual(['twice', 'twice']);
    expect(comments[0]?.raw).toBe(comments[1]?.raw);
    expect(comments[0]?.headers['x-github-delivery']).toBe(comments[1]?.headers['x-github-delivery']);
    const lost = github.deliveries().at(-1);
    expect((await act(github, 'POST', '/control/redeliver', { id: lost?.id })).status).toBe(200);
    await github.settled();
    expect(hooks.received.at(-1)).toMatchObject({ raw: lost?.raw, headers: { 'x-github-delivery': lost?.id } });
    await hooks.stop();
  });
});

describe('control', () => {
  test('what has no model fails loudly and is recorded', async () => {
    expect(await rest(github, 'GET', `${repo}/releases`)).toMatchObject({
      status: 501,
      body: { message: `NOT_MODELLED: GET ${repo}/releases` },
    });
    const { body } = await act(github, 'GET', '/control/calls');
    expect(body.notModelled).toEqual([`GET ${repo}/releases`]);
    expect((await act(github, 'POST', '/people/dance', {})).status).toBe(404);
    expect((await act(github, 'POST', '/people/merge', { repository: 'acme/widget', number: 9 })).body.message).toContain('#9');
  });

  test('a fault switch or operation that is not there is refused', async () => {
    for (const wrong of [{ outage: 5 }, { loseAnswer: { push: 1 } }, { failNext: { count: 1, operation: 'pulls.created' } }])
      expect((await act(github, 'POST', '/control/faults', wrong)).status).toBe(400);
  });

  test('a pull request has a page, and what it holds is text', async () => {
    await github.people.push({ repository: 'acme/widget', branch: 'feat', files: { 'a.txt': '<b>' } });
    await rest(github, 'POST', `${repo}/pulls`, { title: '<script>alert(1)</script>', head: 'feat', base: 'main' });
    const page = await fetch(`${github.url}/acme/widget/pull/1`);
    const html = await page.text();
    expect([page.status, html.includes('<script'), html.includes('+&#60;b&#62;')]).toEqual([200, false, true]);
    expect(github.notModelled()).toEqual([]);
  });

  test('people over HTTP: comment, review, check, close, merge', async () => {
    await openPull('feat');
    await openPull('other');
    const on = { repository: 'acme/widget', number: 1, by: 'zoë' };
    for (const [action, body] of [
      ['comment', { ...on, body: 'hi' }],
      ['review', { ...on, state: 'APPROVED' }],
      ['check', { repository: 'acme/widget', ref: 'feat', name: 'ci', conclusion: 'failure' }],
      ['status', { repository: 'acme/widget', ref: 'feat', context: 'build', state: 'pending' }],
      ['merge', on],
      ['close', { ...on, number: 2 }],
    ] as const)
      expect((await act(github, 'POST', `/people/${action}`, body)).body, action).toMatchObject({ ok: true });
    const { body } = await act(github, 'GET', '/control/state');
    expect(body.repositories[0]).toMatchObject({
      comments: [{ number: 1, author: 'zoë', body: 'hi' }],
      reviews: [{ number: 1, state: 'APPROVED' }],
      checks: [{ name: 'ci', conclusion: 'failure' }],
      statuses: [{ context: 'build', state: 'pending' }],
      pulls: [
        { number: 1, merged: true, mergedBy: 'zoë' },
        { number: 2, state: 'closed', merged: false },
      ],
    });
  });

  test('a stop leaves no directory and no port behind', async () => {
    const other = await startGitHub();
    const { directory: bare } = await other.createRepository({ owner: 'a', name: 'b' });
    expect(await readdir(bare)).toContain('HEAD');
    await other.stop();
    await expect(readdir(bare)).rejects.toThrow('ENOENT');
    await expect(fetch(other.url)).rejects.toThrow();
  });

  test('as a program it says when it is ready and ends on SIGTERM', async () => {
    const program = join(import.meta.dirname, '..', 'src', 'main.ts');
    const child = spawn(process.execPath, ['--conditions=cyrus-source', program, '--token', 't0ken'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout });
    const ready = await new Promise<{ ready: boolean; url: string; token: string }>((resolve) =>
      lines.once('line', (line) => resolve(JSON.parse(line))),
    );
    expect(ready).toMatchObject({ ready: true, token: 't0ken' });
    expect((await fetch(`${ready.url}/control/state`)).status).toBe(200);
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
  });

  test('as a program it ends with whoever holds its input, when told so', async () => {
    const program = join(import.meta.dirname, '..', 'src', 'main.ts');
    const child = spawn(process.execPath, ['--conditions=cyrus-source', program, '--until-stdin-ends'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await new Promise<void>((resolve) => createInterface({ input: child.stdout }).once('line', () => resolve()));
    expect(child.exitCode).toBeNull();
    child.stdin.end();
    expect(await exited).toBe(0);
  });
});
