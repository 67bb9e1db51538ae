import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { manualClock, systemClock } from 'cyrus-core/clock';
import { createGitHub } from 'cyrus-github/client';
import type { CodeHost } from 'cyrus-github/code-host';
import { parseRemote } from 'cyrus-github/repository';
import { type GitHubStandIn, startGitHub } from 'cyrus-stand-in-github/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const repository = { owner: 'acme', name: 'widget' };
const on = 'acme/widget';
let github: GitHubStandIn;
let host: CodeHost;

beforeEach(async () => {
  github = await startGitHub({ tokens: { writer: { login: 'cyrus-bot' }, reader: { login: 'reader', permission: 'read' } } });
  await github.createRepository({ owner: 'acme', name: 'widget' });
  await github.people.push({ repository: on, branch: 'cyrus/eng-1', files: { 'a.txt': '1\n' } });
  host = createGitHub({ apiUrl: github.url, token: 'writer' });
});
afterEach(() => github.stop());

const request = { repository, head: 'cyrus/eng-1', base: 'main', title: 'Fix it', body: 'Because.', planId: 'plan-1' };
const pulls = () => github.state().repositories[0]?.pulls ?? [];
const sha = () => pulls()[0]?.headSha ?? '';

describe('the one pull request', () => {
  test('is opened with its marker and found again', async () => {
    const first = await host.ensurePullRequest(request);
    expect(first).toMatchObject({
      ok: true,
      value: { number: 1, state: 'open', created: true, headSha: sha(), head: 'cyrus/eng-1', base: 'main', planId: 'plan-1', draft: false },
    });
    expect(first.ok && first.value.url).toBe(`${github.url}/acme/widget/pull/1`);
    expect(pulls()[0]?.body).toMatch(/^<!-- cyrus:section -->\nBecause\.\n<!-- \/cyrus:section -->\n\n<!-- cyrus:plan:plan-1 -->/);
    expect(await host.ensurePullRequest({ ...request, title: 'Another' })).toMatchObject({
      value: { number: 1, created: false, title: 'Fix it' },
    });
    expect(await host.findPullRequest({ repository, head: 'cyrus/eng-1' })).toMatchObject({ value: { number: 1 } });
    expect(await host.findPullRequest({ repository, head: 'cyrus/eng-1', base: 'other' })).toEqual({ ok: true, value: undefined });
    expect(await host.findPullRequest({ repository, head: 'none' })).toEqual({ ok: true, value: undefined });
    expect(github.calls('pulls.create')).toHaveLength(1);
  });

  test('is one however many ask at the same time', async () => {
    github.setFaults({ latencyMs: 20 });
    const results = await Promise.all(Array.from({ length: 6 }, () => host.ensurePullRequest(request)));
    expect(results.map((result) => result.ok && result.value.number)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(results.filter((result) => result.ok && result.value.created)).toHaveLength(1);
    expect(github.calls('pulls.create').length).toBeGreaterThan(1);
    expect(pulls()).toHaveLength(1);
  });

  test('is found after its answer was lost', async () => {
    github.setFaults({ loseAnswer: { 'pulls.create': 1 } });
    expect(await host.ensurePullRequest(request)).toMatchObject({ ok: true, value: { number: 1, created: false, planId: 'plan-1' } });
    expect(pulls()).toHaveLength(1);
  });

  test('is found by the next call when the answer and the lookup after it are lost', async () => {
    github.setFaults({ loseAnswer: { 'pulls.create': 1 } });
    let lists = 0;
    const flaky = createGitHub({
      apiUrl: github.url,
      token: 'writer',
      fetch: (input, init) => {
        if (String(input).includes('/pulls?') && ++lists === 2) return Promise.reject(new TypeError('fetch failed'));
        return fetch(input, init);
      },
    });
    expect(await flaky.ensurePullRequest(request)).toMatchObject({ ok: false, error: { class: 'network' } });
    expect(await flaky.ensurePullRequest(request)).toMatchObject({ ok: true, value: { number: 1, created: false } });
    expect(pulls()).toHaveLength(1);
  });

  test('is found under the name the host gives the owner', async () => {
    await host.ensurePullRequest(request);
    const renamed = { ...request, repository: { owner: 'ACME', name: 'Widget' } };
    expect(await host.ensurePullRequest(renamed)).toMatchObject({ ok: true, value: { number: 1, created: false } });
    expect(github.calls('pulls.create')).toHaveLength(2);
  });

  test('is not opened by a call that fails before it has an effect', async () => {
    github.setFaults({ failNext: { count: 1, status: 502, operation: 'pulls.create' } });
    expect(await host.ensurePullRequest(request)).toMatchObject({
      ok: false,
      error: { class: 'network', message: expect.stringContaining('502') },
    });
    expect(await host.ensurePullRequest(request)).toMatchObject({ ok: true, value: { created: true } });
    expect(pulls()).toHaveLength(1);
  });

  test('is not opened again after a person closed or merged it, and is returned with the base a person gave it', async () => {
    await host.ensurePullRequest(request);
    await github.people.push({ repository: on, branch: 'release', files: { 'r.txt': 'r' } });
    const moved = await fetch(`${github.url}/repos/${on}/pulls/1`, {
      method: 'PATCH',
      headers: { authorization: 'Bearer writer' },
      body: '{"base":"release"}',
    });
    expect(moved.status).toBe(200);
    expect(await host.ensurePullRequest(request)).toMatchObject({ value: { number: 1, base: 'release', created: false } });
    await github.people.close({ repository: on, number: 1 });
    expect(await host.ensurePullRequest(request)).toMatchObject({ value: { number: 1, state: 'closed', created: false } });
    await github.people.reopen({ repository: on, number: 1 });
    const { sha: merge } = await github.people.merge({ repository: on, number: 1 });
    expect(await host.ensurePullRequest(request)).toMatchObject({
      value: { number: 1, state: 'merged', mergeCommitSha: merge, created: false },
    });
    expect(pulls()).toHaveLength(1);
  });

  test('of an earlier plan on the same branch does not count once it is closed', async () => {
    await host.ensurePullRequest({ ...request, planId: 'earlier' });
    await github.people.close({ repository: on, number: 1 });
    expect(await host.ensurePullRequest(request)).toMatchObject({ value: { number: 2, created: true, planId: 'plan-1' } });
  });

  test('a branch that is not there is a refusal, with the field at fault', async () => {
    expect(await host.ensurePullRequest({ ...request, head: 'none' })).toMatchObject({
      ok: false,
      error: { class: 'invalid_request', message: expect.stringContaining('head is invalid') },
    });
  });

  test('takes hostile titles and bodies as text', async () => {
    const title = `\u0000$(touch /tmp/x) \`id\` ${'👩‍🚀'.repeat(200)}`;
    const result = await host.ensurePullRequest({ ...request, title, body: `مرحبا <!-- cyrus:plan:evil -->${'x'.repeat(1_000_000)}` });
    expect(result).toMatchObject({ ok: true, value: { planId: 'plan-1' } });
    expect(pulls()[0]?.title.startsWith('$(touch /tmp/x) `id` 👩‍🚀')).toBe(true);
    expect(pulls()[0]?.title.length).toBeLessThanOrEqual(256);
    expect(pulls()[0]?.body).toHaveLength(65_536);
  });
});

describe('an open pull request', () => {
  test('is read; whether it can be merged may not be known yet', async () => {
    await host.ensurePullRequest(request);
    const first = await host.getPullRequest({ repository, number: 1 });
    expect(first.ok && first.value).not.toHaveProperty('mergeable');
    expect(await host.getPullRequest({ repository, number: 1 })).toMatchObject({ value: { mergeable: true } });
    expect(await host.getPullRequest({ repository, number: 9 })).toMatchObject({ error: { class: 'invalid_request' } });
  });

  test('is renewed for the next plan: our section and our title, and nothing of what people wrote', async () => {
    await host.ensurePullRequest(request);
    const renewal = { repository, number: 1, title: 'Fix it well', body: 'And more.', planId: 'plan-2' };
    expect(await host.renewPullRequest(renewal)).toMatchObject({ value: { title: 'Fix it well', planId: 'plan-2' } });
    const body = pulls()[0]?.body ?? '';
    expect(body).toContain('And more.');
    expect(await host.renewPullRequest(renewal)).toMatchObject({ ok: true });
    expect(github.calls('pulls.update')).toHaveLength(1);

    await github.people.editPull({ repository: on, number: 1, title: 'Ann knows better', body: `Read this first.\r\n${body}` });
    await host.renewPullRequest({ ...renewal, title: 'Third', body: 'Even more.', planId: 'plan-3' });
    expect(pulls()[0]).toMatchObject({
      title: 'Ann knows better',
      body: expect.stringMatching(/^Read this first\.\r\n[\s\S]*Even more\./),
    });
    await github.people.editPull({ repository: on, number: 1, body: 'All mine.' });
    await host.renewPullRequest({ ...renewal, body: 'Never.' });
    expect(pulls()[0]?.body).toBe('All mine.');
  });

  test('is marked ready once, on GitHub and on an Enterprise Server', async () => {
    await host.ensurePullRequest({ ...request, draft: true });
    expect(pulls()[0]?.draft).toBe(true);
    expect(await host.markReady({ repository, number: 1 })).toMatchObject({ value: { draft: false } });
    expect(await host.markReady({ repository, number: 1 })).toMatchObject({ value: { draft: false } });
    expect(github.calls('graphql')).toHaveLength(1);
    const enterprise = await startGitHub({ enterprise: true, tokens: { e: { login: 'bot' } } });
    await enterprise.createRepository({ owner: 'acme', name: 'widget' });
    await enterprise.people.push({ repository: on, branch: 'cyrus/eng-1', files: { 'a.txt': '1\n' } });
    const there = createGitHub({ apiUrl: `${enterprise.apiUrl}/`, token: 'e' });
    await there.ensurePullRequest({ ...request, draft: true });
    expect(await there.markReady({ repository, number: 1 })).toMatchObject({ ok: true });
    expect(enterprise.state().repositories[0]?.pulls[0]?.draft).toBe(false);
    expect(enterprise.notModelled()).toEqual([]);
    await enterprise.stop();
  });

  test('that may not be written to stays a draft, with the reason', async () => {
    await host.ensurePullRequest({ ...request, draft: true });
    const reader = createGitHub({ apiUrl: github.url, token: 'reader' });
    expect(await reader.markReady({ repository, number: 1 })).toMatchObject({
      error: { class: 'auth', fix: expect.stringContaining('by hand') },
    });
  });

  test('gets one comment per key, lost answer or not', async () => {
    await host.ensurePullRequest(request);
    for (let count = 0; count < 105; count += 1) await github.people.comment({ repository: on, number: 1, body: `talk ${count}` });
    github.setFaults({ loseAnswer: { 'issues.createComment': 1 } });
    const comment = { repository, number: 1, body: 'Done ✅', key: 'turn-1' };
    expect(await host.comment(comment)).toMatchObject({ ok: true, value: { created: false } });
    expect(await host.comment(comment)).toMatchObject({ ok: true, value: { created: false } });
    expect(await host.comment({ ...comment, key: 'turn-2' })).toMatchObject({ ok: true, value: { created: true } });
    expect(github.state().repositories[0]?.comments.filter(({ author }) => author === 'cyrus-bot')).toHaveLength(2);
  });
});

describe('checks', () => {
  test('of both worlds make one verdict', async () => {
    await host.ensurePullRequest(request);
    const read = () => host.readChecks({ repository, sha: sha() });
    expect(await read()).toEqual({ ok: true, value: { state: 'none', items: [] } });
    await github.people.check({ repository: on, ref: sha(), name: 'test' });
    expect(await read()).toMatchObject({ value: { state: 'pending', items: [{ name: 'test', state: 'pending' }] } });
    await github.people.check({ repository: on, ref: sha(), name: 'test', conclusion: 'success' });
    expect(await read()).toMatchObject({ value: { state: 'success' } });
    await github.people.status({ repository: on, ref: sha(), context: 'deploy', state: 'pending', targetUrl: 'http://127.0.0.1/d' });
    expect(await read()).toMatchObject({ value: { state: 'pending' } });
    await github.people.status({ repository: on, ref: sha(), context: 'deploy', state: 'error', targetUrl: 'http://127.0.0.1/d' });
    expect(await read()).toMatchObject({
      value: {
        state: 'failure',
        items: [
          { name: 'test', state: 'success' },
          { name: 'deploy', state: 'failure', url: 'http://127.0.0.1/d' },
        ],
      },
    });
  });

  test('beyond one page are all read, and a run that was repeated counts once', async () => {
    for (let count = 0; count < 101; count += 1)
      await github.people.check({ repository: on, ref: 'main', name: `check ${count}`, conclusion: 'success' });
    await github.people.check({ repository: on, ref: 'main', name: 'check 0', conclusion: 'failure' });
    const checks = await host.readChecks({ repository, sha: 'main' });
    expect(checks.ok && [checks.value.state, checks.value.items.length]).toEqual(['failure', 101]);
  });

  test('of a commit that is not there are a refusal', async () => {
    expect(await host.readChecks({ repository, sha: 'f'.repeat(40) })).toMatchObject({ error: { class: 'invalid_request' } });
  });
});

describe('failures', () => {
  test('a wrong token, one that may not write, and a repository out of sight', async () => {
    const stranger = createGitHub({ apiUrl: github.url, token: 'ghp_wrong_s3cret' });
    const refused = await stranger.whoAmI();
    expect(refused).toMatchObject({
      error: { class: 'auth', message: expect.stringContaining('Bad credentials'), fix: expect.stringContaining('GITHUB_TOKEN') },
    });
    expect(JSON.stringify(refused)).not.toContain('s3cret');
    const reader = createGitHub({ apiUrl: github.url, token: 'reader' });
    expect(await reader.whoAmI()).toEqual({ ok: true, value: { login: 'reader' } });
    expect(await reader.ensurePullRequest(request)).toMatchObject({
      error: { class: 'auth', fix: expect.stringContaining('permissions') },
    });
    expect(await host.getRepository({ owner: 'acme', name: 'none' })).toMatchObject({ error: { class: 'invalid_request' } });
    expect(await host.getRepository(repository)).toEqual({ ok: true, value: { defaultBranch: 'main', archived: false } });
  });

  test('both rate limits say when they end', async () => {
    const clock = manualClock(Date.now());
    const timed = createGitHub({ apiUrl: github.url, token: 'writer', clock });
    github.setFaults({ rateLimitNext: { count: 1, retryAfterSeconds: 42 } });
    expect(await timed.ensurePullRequest(request)).toMatchObject({ error: { class: 'rate_limited', retryAt: clock.now() + 42_000 } });
    github.setFaults({ rateLimitNext: { count: 1, kind: 'primary', retryAfterSeconds: 600, operation: 'pulls.create' } });
    const limited = await timed.ensurePullRequest(request);
    const waitMs = limited.ok ? 0 : (limited.error.retryAt ?? 0) - clock.now();
    expect(Math.abs(waitMs - 600_000)).toBeLessThan(3000);
    expect(pulls()).toHaveLength(0);
  });

  test('an outage of either kind is the network, and passes', async () => {
    github.setFaults({ outageMs: 3_600_000 });
    expect(await host.ensurePullRequest(request)).toMatchObject({ error: { class: 'network' } });
    github.setFaults({ outageKind: 'disconnect' });
    expect(await host.ensurePullRequest(request)).toMatchObject({ error: { class: 'network' } });
    github.setFaults({ clear: true });
    expect(await host.ensurePullRequest(request)).toMatchObject({ value: { created: true } });
  });

  test('a service that is not there, one that never answers, and one that breaks off half way', async () => {
    const gone = createGitHub({ apiUrl: 'http://127.0.0.1:1', token: 'x' });
    expect(await gone.whoAmI()).toMatchObject({ error: { class: 'network', message: expect.stringMatching(/ECONNREFUSED|bad port/) } });

    const asked = Promise.withResolvers<void>();
    const server = createServer((request, response) => {
      if (request.url === '/user') asked.resolve();
      else
        response
          .writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
          .write('{"id":1', () => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const clock = manualClock();
    const slow = createGitHub({
      apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      token: 'x',
      clock,
      timeoutMs: 30_000,
    });
    const waiting = slow.whoAmI();
    await asked.promise;
    clock.advance(30_000);
    expect(await waiting).toMatchObject({ error: { class: 'network', message: expect.stringContaining('no answer within 30 s') } });
    expect(await slow.getRepository(repository)).toMatchObject({ error: { class: 'network' } });
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  });

  test('a page instead of JSON is no answer', async () => {
    const page = createGitHub({
      apiUrl: github.url,
      token: 'x',
      clock: systemClock,
      fetch: async () => new Response('<html>captive portal</html>', { headers: { 'content-type': 'text/html' } }),
    });
    expect(await page.whoAmI()).toMatchObject({ error: { class: 'network', message: expect.stringContaining('not JSON') } });
  });
});

test('a clone URL of the service names its API and repository', async () => {
  const parsed = parseRemote(github.state().repositories[0]?.cloneUrl ?? '');
  expect(parsed).toMatchObject({ ok: true, value: { apiUrl: github.url, owner: 'acme', name: 'widget' } });
});
