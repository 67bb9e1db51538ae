import { createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { operations } from '../src/operations.ts';
import { type GitHubStandIn, startGitHub } from '../src/server.ts';
import { checkAnswer, checkWebhook, contract, contractChecker } from './contract.ts';
import { git, receiver, rest, withToken } from './drive.ts';

/** Official examples that do not satisfy their own schema, and what they lack. */
const faultyExamples: Readonly<Record<string, RegExp>> = {
  'pulls.create 201': /requested_teams\/0 must have required property 'type'/,
  'pulls.get 200': /requested_teams\/0 must have required property 'type'/,
  'pulls.update 200': /requested_teams\/0 must have required property 'type'/,
  'pulls.list 200': /requested_teams\/0 must have required property 'type'/,
  'repos.get 200': /language/,
};

describe('the extracted contract', () => {
  test('holds every modelled operation', () => {
    expect(Object.keys(contract.operations).sort()).toEqual(operations.map((operation) => operation.name).sort());
  });

  const examples = Object.entries(contract.operations).flatMap(([name, statuses]) =>
    Object.entries(statuses).flatMap(([status, { examples: given }]) =>
      given.map((example, index) => [`${name} ${status} #${index}`, name, Number(status), example] as const),
    ),
  );
  test.each(examples)('judges the official example of %s as the description does', (_title, name, status, example) => {
    const problems = checkAnswer(name, status, example);
    const faulty = faultyExamples[`${name} ${status}`];
    if (faulty) expect(problems.join('\n')).toMatch(faulty);
    else expect(problems).toEqual([]);
  });

  test('notices a field that is missing or of another type', () => {
    expect(checkAnswer('git.getRef', 200, { ref: 1 }).length).toBeGreaterThan(2);
    expect(checkAnswer('pulls.create', 200, {})).toEqual(['pulls.create 200: not described']);
    expect(checkWebhook('push', { ref: 1 }).length).toBeGreaterThan(5);
    expect(checkWebhook('pull_request', { action: 'opened', number: 1 }).length).toBeGreaterThan(1);
  });
});

describe('a full drive', () => {
  let github: GitHubStandIn;
  let directory: string;
  const checker = contractChecker();
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'github-drive-'));
    github = await startGitHub({ observe: checker.observe });
  });
  afterEach(async () => {
    await github.stop();
    await rm(directory, { recursive: true, force: true });
  });

  test('clone, push, pull request, checks, talk, review, merge: every answer and every webhook satisfies the contract', async () => {
    const hooks = await receiver();
    github.setWebhook({ url: hooks.url, secret: 's3cret' });
    const { cloneUrl } = await github.createRepository({ owner: 'acme', name: 'widget' });
    const work = join(directory, 'work');
    await git(directory, 'clone', '-q', withToken(cloneUrl, github.token), work);
    await git(work, 'checkout', '-qb', 'feat/größe');
    const commit = async (file: string, content: string): Promise<void> => {
      await writeFile(join(work, file), content);
      await git(work, 'add', '-A');
      await git(work, 'commit', '-qm', `write ${file}`);
      await git(work, 'push', '-q', 'origin', 'HEAD');
    };
    await commit('a b.txt', '1\n');
    const repo = '/repos/acme/widget';
    const created = await rest(github, 'POST', `${repo}/pulls`, {
      title: 'Add',
      head: 'feat/größe',
      base: 'main',
      body: 'Why',
      draft: true,
    });
    expect(created).toMatchObject({
      status: 201,
      body: { number: 1, state: 'open', draft: true, mergeable: null, commits: 1, additions: 1 },
    });
    await git(work, 'mv', 'README.md', 'LIESMICH.md');
    await commit('b.txt', '2\n');
    const sha = await git(work, 'rev-parse', 'HEAD');

    expect((await rest(github, 'GET', `${repo}/pulls/1`)).body).toMatchObject({ mergeable: null, head: { sha } });
    expect((await rest(github, 'GET', `${repo}/pulls/1`)).body).toMatchObject({ mergeable: true, mergeable_state: 'draft' });
    expect((await rest(github, 'GET', `${repo}/pulls?head=${encodeURIComponent('acme:feat/größe')}&base=main`)).body).toHaveLength(1);
    expect((await rest(github, 'GET', `${repo}/pulls?head=acme:other`)).body).toHaveLength(0);
    const files = (await rest(github, 'GET', `${repo}/pulls/1/files`)).body;
    expect(files.map((file: { filename: string; status: string }) => [file.filename, file.status])).toEqual([
      ['LIESMICH.md', 'renamed'],
      ['a b.txt', 'added'],
      ['b.txt', 'added'],
    ]);
    expect(files[1].patch).toBe('@@ -0,0 +1 @@\n+1');

    for (const path of [
      '/user',
      '/rate_limit',
      repo,
      `${repo}/branches/main`,
      `${repo}/branches/feat%2Fgr%C3%B6%C3%9Fe`,
      `${repo}/git/ref/heads/main`,
    ])
      expect((await rest(github, 'GET', path)).status, path).toBe(200);
    await rest(github, 'POST', `${repo}/check-runs`, { name: 'lint', head_sha: sha, status: 'in_progress' });
    await rest(github, 'POST', `${repo}/check-runs`, {
      name: 'test',
      head_sha: sha,
      conclusion: 'success',
      output: { title: 'ok', summary: 'all' },
    });
    await github.people.check({ repository: 'acme/widget', ref: sha, name: 'lint', conclusion: 'success' });
    await rest(github, 'POST', `${repo}/statuses/${sha}`, { state: 'success', context: 'build', target_url: 'http://127.0.0.1/build' });
    expect((await rest(github, 'GET', `${repo}/commits/${sha}/check-runs`)).body.total_count).toBe(2);
    expect((await rest(github, 'GET', `${repo}/commits/${sha}/status`)).body.state).toBe('success');
    await rest(github, 'POST', `${repo}/issues/1/comments`, { body: 'hello مرحبا 👩‍🚀' });
    expect((await rest(github, 'GET', `${repo}/issues/1/comments`)).body[0].body).toBe('hello مرحبا 👩‍🚀');
    await github.people.review({ repository: 'acme/widget', number: 1, state: 'CHANGES_REQUESTED', body: 'no' });
    expect((await rest(github, 'GET', `${repo}/pulls/1/reviews`)).body).toMatchObject([{ state: 'CHANGES_REQUESTED' }]);
    expect((await rest(github, 'PATCH', `${repo}/pulls/1`, { title: 'Add more' })).body.title).toBe('Add more');
    await rest(github, 'PATCH', `${repo}/pulls/1`, { state: 'closed' });
    await rest(github, 'PATCH', `${repo}/pulls/1`, { state: 'open' });

    const refused = [
      await rest(github, 'POST', `${repo}/pulls`, { title: 'Again', head: 'feat/größe', base: 'main' }),
      await rest(github, 'POST', `${repo}/pulls`, { title: 'No head', head: 'ghost', base: 'main' }),
      await rest(github, 'POST', `${repo}/pulls`, { title: 'No base', head: 'feat/größe', base: 'ghost' }),
      await rest(github, 'POST', `${repo}/pulls`, { title: 'x'.repeat(257), head: 'feat/größe', base: 'main' }),
      await rest(github, 'PUT', `${repo}/pulls/1/merge`, {}),
      await rest(github, 'GET', '/repos/acme/none'),
      await rest(github, 'GET', '/user', undefined, 'wrong'),
    ];
    expect(refused.map((reply) => reply.status)).toEqual([422, 422, 422, 422, 405, 404, 401]);
    expect(refused[0]?.body.errors).toEqual([
      { resource: 'PullRequest', code: 'custom', message: 'A pull request already exists for acme:feat/größe.' },
    ]);
    expect(refused[6]?.body.message).toBe('Bad credentials');

    await git(work, 'checkout', '-q', '-b', 'second');
    await commit('c.txt', '3\n');
    const second = (await rest(github, 'POST', `${repo}/pulls`, { title: 'Second', head: 'acme:second', base: 'main' })).body;
    expect((await rest(github, 'PUT', `${repo}/pulls/2/merge`, { sha: '0'.repeat(40) })).status).toBe(409);
    const merged = await rest(github, 'PUT', `${repo}/pulls/2/merge`, { sha: second.head.sha, merge_method: 'merge' });
    expect(merged).toMatchObject({ status: 200, body: { merged: true } });
    await git(work, 'fetch', '-q', 'origin');
    expect(await git(work, 'log', '-1', '--format=%H %P', 'origin/main')).toBe(`${merged.body.sha} ${second.base.sha} ${second.head.sha}`);
    // The first pull request's commits came with the second one: it turns out merged.
    expect((await rest(github, 'GET', `${repo}/pulls/1`)).body).toMatchObject({ state: 'closed', merged: true });
    expect((await rest(github, 'DELETE', `${repo}/git/refs/heads/second`)).status).toBe(204);
    expect((await rest(github, 'DELETE', `${repo}/git/refs/heads/second`)).status).toBe(422);

    await github.settled();
    await hooks.stop();
    const events = new Set(
      hooks.received.map(({ headers, payload }) => [headers['x-github-event'], payload.action].filter(Boolean).join('.')),
    );
    // Those of apps and drafts are met where apps and drafts are driven.
    const elsewhere = /^(?:installation|apps)\.|\.ready_for_review$/;
    expect([...events].sort()).toEqual(
      Object.keys(contract.webhooks)
        .filter((name) => !elsewhere.test(name))
        .sort(),
    );
    for (const { headers, raw } of hooks.received)
      expect(headers['x-hub-signature-256']).toBe(`sha256=${createHmac('sha256', 's3cret').update(raw).digest('hex')}`);
    expect(new Set(hooks.received.map(({ headers }) => headers['x-github-delivery'])).size).toBe(hooks.received.length);

    const answered = new Set([...checker.seen].map((name) => name.split(' ')[0]));
    expect(operations.map((operation) => operation.name).filter((name) => !elsewhere.test(name) && !answered.has(name))).toEqual([]);
    expect(checker.problems).toEqual([]);
  });
});

test('the checked-in contract is small', async () => {
  const text = await readFile(join(import.meta.dirname, '..', 'contract', 'github.generated.json'), 'utf8');
  expect(text.length).toBeLessThan(500_000);
});
