// `npm run test:live`: the product's own adapters against real accounts, as far as the environment has tokens. Everything made is
// removed again. Without CYRUS_LIVE=1 the stand-ins play the accounts, so that this does not rot.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCheckouts } from 'cyrus-checkouts/checkouts';
import { createClaudeExecutor } from 'cyrus-claude-runner/claude-executor';
import { systemClock as clock } from 'cyrus-core/clock';
import type { ExecutionEvent } from 'cyrus-executor-interface/executor';
import { createGitHub } from 'cyrus-github/client';
import { createLinear } from 'cyrus-linear/client';
import { readIssue } from 'cyrus-linear/read-issue';
import { readViewer } from 'cyrus-linear/read-viewer';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import { type Accounts, playedAccounts, realAccounts } from './support/accounts.ts';

const live = process.env['CYRUS_LIVE'] === '1';
const run = randomBytes(4).toString('hex');

let accounts: Accounts;
let directory: string;
beforeAll(async () => {
  accounts = live ? realAccounts(process.env) : await playedAccounts();
  directory = await mkdtemp(join(tmpdir(), 'cyrus-live-'));
});
afterAll(async () => {
  await accounts?.close();
  if (directory) await rm(directory, { recursive: true, force: true, maxRetries: 3 });
});

/** The account, or the test is skipped and says why. */
function account<T extends object>(context: TestContext, found: T | string): T {
  if (typeof found !== 'string') return found;
  console.error(found);
  return context.skip(found);
}

test('Linear: who the token is, its teams, an issue that is made, read and archived', async (context) => {
  const { apiUrl, token, team } = account(context, accounts.linear);
  const linear = createLinear({ apiUrl, token, clock });
  const viewer = await readViewer(linear);
  if (!viewer.ok) throw new Error(viewer.error.failure.message);
  expect(viewer.value.workspaceId).not.toBe('');
  const ask = async (document: string, variables: Readonly<Record<string, unknown>> = {}) => {
    const answer = await linear.request(document, variables);
    if (!answer.ok) throw new Error(answer.error.failure.message);
    return answer.value as {
      readonly teams: { readonly nodes: readonly { readonly id: string; readonly key: string }[] };
      readonly issueCreate: { readonly issue: { readonly id: string } };
      readonly issueArchive: unknown;
    };
  };
  const { teams } = await ask('query Teams { teams(first: 250) { nodes { id key } } }');
  const teamId = teams.nodes.find(({ key }) => key === team)?.id;
  expect(teamId, `the team ${team} can be seen`).toBeDefined();
  const title = `Cyrus live test ${run}`;
  const made = await ask('mutation Make($input: IssueCreateInput!) { issueCreate(input: $input) { success issue { id } } }', {
    input: { teamId, title, description: 'Made by a test, and archived by it.' },
  });
  const { id } = made.issueCreate.issue;
  try {
    const read = await readIssue(linear, id);
    if (!read.ok) throw new Error(read.error.failure.message);
    expect(read.value).toMatchObject({ id, title, description: 'Made by a test, and archived by it.' });
    expect(read.value.identifier).toMatch(new RegExp(`^${team}-\\d+$`));
  } finally {
    const archived = await ask('mutation Archive($id: String!) { issueArchive(id: $id) { success } }', { id });
    expect(archived.issueArchive).toEqual({ success: true });
  }
});

test('GitHub: a branch is pushed, a pull request opened, found again and closed', async (context) => {
  const { apiUrl, remoteUrl, token, owner, name } = account(context, accounts.github);
  const sandbox = createSandbox({ ...(await detectIsolation()), clock });
  const checkouts = createCheckouts({
    root: join(directory, 'git'),
    sandbox,
    clock,
    gitIdentity: { name: 'Cyrus', email: 'cyrus@localhost' },
  });
  const mirror = await checkouts.mirror({ id: 'live', remoteUrl, token });
  await mirror.fetch();
  const base = (await mirror.defaultBranch()) ?? '';
  const parent = (await mirror.resolve(base)) ?? '';
  const { stdout } = await mirror.git.run({
    did: 'make an empty commit',
    gitDir: mirror.directory,
    args: ['commit-tree', `${parent}^{tree}`, '-p', parent, '-m', `Cyrus live test ${run}`],
    env: Object.fromEntries(
      ['AUTHOR', 'COMMITTER'].flatMap((who) => [
        [`GIT_${who}_NAME`, 'Cyrus'],
        [`GIT_${who}_EMAIL`, 'cyrus@localhost'],
      ]),
    ),
  });
  const sha = stdout.trim();
  const branch = `cyrus/live-test-${run}`;
  const call = (method: string, path: string, body?: object) =>
    fetch(`${apiUrl}/repos/${owner}/${name}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, accept: 'application/vnd.github+json', 'user-agent': 'cyrus' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  expect(await checkouts.push({ mirror, sha, branch, lease: null })).toEqual({ kind: 'pushed', alreadyThere: false });
  try {
    expect(await checkouts.push({ mirror, sha, branch, lease: null })).toEqual({ kind: 'pushed', alreadyThere: true });
    const github = createGitHub({ apiUrl, token, clock });
    const repository = { owner, name };
    const wanted = {
      repository,
      head: branch,
      base,
      title: `Cyrus live test ${run}`,
      body: 'Made by a test, and closed by it.',
      planId: `live-${run}`,
    };
    const opened = await github.ensurePullRequest(wanted);
    if (!opened.ok) throw new Error(opened.error.message);
    expect(opened.value).toMatchObject({ state: 'open', head: branch, headSha: sha, base, planId: `live-${run}` });
    const again = await github.ensurePullRequest(wanted);
    expect(again).toMatchObject({ ok: true, value: { number: opened.value.number, created: false } });
    expect((await call('PATCH', `/pulls/${opened.value.number}`, { state: 'closed' })).status).toBe(200);
    const closed = await github.getPullRequest({ repository, number: opened.value.number });
    expect(closed).toMatchObject({ ok: true, value: { state: 'closed' } });
  } finally {
    expect((await call('DELETE', `/git/refs/heads/${branch}`)).status).toBe(204);
  }
}, 120_000);

test('Anthropic: the agent’s own binary says one word', async (context) => {
  const { apiUrl, apiKey, model } = account(context, accounts.anthropic);
  const sandbox = createSandbox({ ...(await detectIsolation()), clock });
  const executor = createClaudeExecutor({ sandbox, clock, auth: 'apiKey', apiKey, ...(apiUrl === undefined ? {} : { apiUrl }) });
  expect((await executor.health()).state).toBe('ready');
  const [work, conversation] = [join(directory, 'work'), join(directory, 'conversation')];
  for (const each of [work, conversation]) await mkdir(each);
  const ref = await executor.start(
    {
      prompt: 'Answer with the one word READY, and do nothing else.',
      conversation: { id: randomUUID(), resume: false, directory: conversation },
      workingDirectory: work,
      readable: [],
      model,
      allowedTools: ['Read(**)'],
      maxTurns: 2,
      timeoutMs: 90_000,
    },
    { attemptId: `live-${run}`, number: 1 },
  );
  const events: ExecutionEvent[] = [];
  for await (const event of executor.attach(ref)) events.push(event);
  const last = events.at(-1);
  expect(last).toMatchObject({ type: 'complete', result: { state: 'succeeded' } });
  expect(last?.type === 'complete' && last.result.output.length).toBeGreaterThan(0);
  expect(events.some((event) => event.type === 'usage' && event.usage.outputTokens > 0)).toBe(true);
}, 120_000);

test('what has no token is skipped with what to set; nothing is skipped in silence', () => {
  const { linear, github, anthropic } = realAccounts({});
  expect(linear).toMatch(/LINEAR_TOKEN.*CYRUS_LIVE_LINEAR_TEAM/);
  expect(github).toMatch(/GITHUB_TOKEN.*CYRUS_LIVE_GITHUB_REPOSITORY/);
  expect(anthropic).toMatch(/ANTHROPIC_API_KEY/);
  expect(
    realAccounts({
      LINEAR_TOKEN: 't',
      CYRUS_LIVE_LINEAR_TEAM: 'ENG',
      GITHUB_TOKEN: 't',
      CYRUS_LIVE_GITHUB_REPOSITORY: 'a/b',
      ANTHROPIC_API_KEY: 'k',
    }),
  ).toMatchObject({
    linear: { apiUrl: 'https://api.linear.app/graphql', team: 'ENG' },
    github: { apiUrl: 'https://api.github.com', remoteUrl: 'https://github.com/a/b.git' },
    anthropic: { apiKey: 'k' },
  });
});
