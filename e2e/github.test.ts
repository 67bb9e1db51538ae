import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CallRecord } from '../stand-ins/github/src/calls.ts';
import { call } from './support/call.ts';
import { change } from './support/model.ts';
import { runToEnd } from './support/program.ts';
import { until } from './support/until.ts';
import { plainRepository, World } from './support/world.ts';

// An Enterprise Server with a GitHub App on two repositories, and a repository that is a path on this machine.
let world: World;
let installation: number;
const webhookSecret = 'e2e-github-webhook-secret';

beforeAll(async () => {
  world = await World.open({
    github: ['--enterprise'],
    repositories: { app: plainRepository, other: plainRepository, ci: plainRepository, quiet: plainRepository },
    start: false,
  });
  const { github } = world;
  const { appId, privateKey } = await github.people<{ appId: number; privateKey: string }>('createApp', { name: 'Cyrus', owner: 'acme' });
  ({ id: installation } = await github.people<{ id: number }>('install', {
    appId,
    account: 'acme',
    repositories: ['app', 'other', 'ci', 'quiet'],
  }));
  const privateKeyPath = join(world.directory, 'app.pem');
  await writeFile(privateKeyPath, privateKey, { mode: 0o600 });
  const bare = join(world.directory, 'plain.git');
  await bareRepository(bare);
  await world.configure({
    github: { apiUrl: github.apiUrl, app: { appId, privateKeyPath }, webhookSecret },
    repositories: [
      { id: 'app', remoteUrl: `${github.url}/acme/app.git` },
      { id: 'other', remoteUrl: `${github.url}/acme/other.git` },
      { id: 'plain', remoteUrl: bare },
      { id: 'ci', remoteUrl: `${github.url}/acme/ci.git`, verify: { mode: 'ci' }, pullRequest: { draft: true } },
      { id: 'quiet', remoteUrl: `${github.url}/acme/quiet.git`, verify: { mode: 'ci', ciTimeoutMs: 3_000 } },
    ],
  });
  await world.start();
});
afterAll(() => world?.close());

/** A bare repository with one commit. */
async function bareRepository(directory: string): Promise<void> {
  const work = `${directory}.work`;
  await mkdir(work, { recursive: true });
  await writeFile(join(work, 'README.md'), 'plain');
  const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.test'];
  const steps = [
    ['init', '-q', '-b', 'main'],
    ['add', '-A'],
    [...who, 'commit', '-qm', 'First'],
    ['clone', '-q', '--bare', work, directory],
  ];
  for (const args of steps) {
    const ran = await runToEnd('git', args, { cwd: work });
    if (ran.code !== 0) throw new Error(`git ${args.join(' ')}: ${ran.stderr}`);
  }
}

const assign = async (title: string, repository: string): Promise<string> => {
  await world.model.script(title, change('done.txt', title, 'Finished.'));
  return world.linear.assign({ title, description: `[repo=${repository}]` });
};

test('an issue becomes a pull request of the app, with tokens that work for its repository alone', async () => {
  const { github, linear } = world;
  const issue = await assign('By the app', 'app');
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/^✅ Finished\./);
  const [pull, ...more] = await github.pulls('app', issue);
  expect(more).toEqual([]);
  expect(pull).toMatchObject({ author: 'cyrus[bot]', state: 'open', draft: false });
  expect(answer.body).toContain(`(${github.url}/acme/app/pull/${pull?.number})`);
  await assign('Elsewhere', 'other').then((there) => linear.closing(there));

  const { calls, notModelled } = await call<{ calls: readonly CallRecord[]; notModelled: readonly string[] }>(
    `${github.url}/control/calls`,
  );
  expect(notModelled).toEqual([]);
  const minted = calls.filter(({ operation }) => operation === 'apps.createInstallationAccessToken');
  expect(minted).toHaveLength(2);
  const used = calls.filter(({ operation, status }) => /^(?:git|pulls)\./.test(operation) && status < 400);
  expect(used.length).toBeGreaterThan(4);
  expect(new Set(used.map(({ by }) => by))).toEqual(new Set(['cyrus[bot]']));
});

test('a follow-up renews our section of the pull request; what people wrote stays', async () => {
  const { github, linear, model } = world;
  const issue = await assign('Twice', 'app');
  await linear.closing(issue);
  const [pull] = await github.pulls('app', issue);
  await github.people('editPull', {
    repository: 'acme/app',
    number: pull?.number,
    title: `${issue}: Ann's title`,
    body: `Ann was here.\n\n${pull?.body}`,
  });
  await model.script('Twice', change('more.txt', 'more', 'Finished again.'), 'once more');
  await linear.say(issue, 'Please go on, once more.');
  expect((await linear.closing(issue, 2)).body).toContain(`[#${pull?.number}]`);
  const pulls = await github.pulls('app', issue);
  expect(pulls).toHaveLength(1);
  expect(pulls[0]?.title).toBe(`${issue}: Ann's title`);
  expect(pulls[0]?.body).toMatch(/^Ann was here\.[\s\S]*Finished again\./);
  expect(pulls[0]?.body).not.toMatch(/Finished\.\n/);
});

test('with verify.mode ci the checks of the pull request decide, across a restart: red goes to the agent, green is the end', async () => {
  const { github, linear, model } = world;
  await model.script('Left to CI', change('one.txt', '1', 'First try.'));
  await model.script('Left to CI', change('two.txt', '2', 'Mended.'), 'The check build of the pull request');
  const issue = await linear.assign({ title: 'Left to CI', description: '[repo=ci]' });
  await linear.seen(issue, /^Waiting for the checks of the pull request/);
  const head = async () => (await github.pulls('ci', issue))[0]?.headSha;
  const first = await head();
  expect(await github.pulls('ci', issue)).toMatchObject([{ draft: true }]);
  expect(await linear.closings(issue)).toEqual([]);
  expect((await world.cyrus('tasks')).stdout).toMatch(/\/acme\/ci\/pull\/\d+ \(its checks are waited for\)/);
  const check = (ref: string | undefined, conclusion: string) =>
    github.people('check', { repository: 'acme/ci', ref, name: 'build', conclusion });
  await check(first, 'failure');
  await linear.seen(issue, /`build` failed on the committed work, in the pull request\./);
  const pushed = async () => {
    const now = await head();
    return now !== first && now;
  };
  const second = await until('the mended work to be pushed', pushed, { explain: () => linear.describe(issue) });
  await world.service.kill();
  await check(second, 'success');
  await world.start();
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/^✅ Mended\.[\s\S]*\*\*Checks:\*\* `build` passed \(pull request\)/);
  expect(await github.pulls('ci', issue)).toMatchObject([{ draft: false, state: 'open', headSha: second }]);
  expect(await linear.closings(issue)).toHaveLength(1);
});

test('with verify.mode ci and no checks the plan ends in time, and says so', async () => {
  const { linear, model } = world;
  await model.script('No CI', change('quiet.txt', 'q', 'Nobody checks.'));
  const issue = await linear.assign({ title: 'No CI', description: '[repo=quiet]' });
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/^✅ Nobody checks\.[\s\S]*\*\*Checks:\*\* not run: the pull request had no checks within \d/);
});

test('a webhook of GitHub tells of a merge at once', async () => {
  const { github, linear } = world;
  await call(`${github.url}/control/webhook`, { url: `${world.url}/webhooks/github`, secret: webhookSecret });
  const issue = await assign('Merged and told', 'other');
  await linear.closing(issue);
  const [pull] = await github.pulls('other', issue);
  await github.people('merge', { repository: 'acme/other', number: pull?.number });
  await until('the merge to be known', async () => {
    const rows = JSON.parse((await world.cyrus('tasks', '--json')).stdout) as readonly Shown[];
    return rows.find(({ identifier }) => identifier === issue)?.pullRequest?.state === 'merged';
  });
});

interface Shown {
  readonly identifier: string;
  readonly pullRequest: { readonly state?: string } | null;
}

test('a remote without an API: the pushed branch is the end, and it is said so everywhere', async () => {
  const { linear } = world;
  const issue = await assign('No API', 'plain');
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/\*\*Branch:\*\* `cyrus\/\S+` \(pushed; no pull request, because its remote is no code host\)/);
  const plan = (await linear.session(issue)).plan as readonly { content: string; status: string }[];
  expect(plan.at(-1)).toEqual({ content: 'Push the branch (no pull request: its remote is no code host)', status: 'completed' });
  expect((await world.cyrus('tasks')).stdout).toMatch(new RegExp(`${issue} .*branch cyrus/\\S+ \\(pushed; no pull request\\)`));
});

test('an app that is taken off a repository: said once, with what to do, and other repositories go on', async () => {
  const { github, linear } = world;
  await github.people('changeInstallation', { id: installation, repositories: ['other'] });
  await github.people('revokeTokens', {});
  const issue = await assign('Locked out', 'app');
  const said = await linear.seen(issue, /is not installed on acme\/app/);
  expect(said.body).toContain('Install it for acme');
  expect((await linear.closing(await assign('Still fine', 'other'))).body).toMatch(/^✅/);
  await linear.stop(issue);
  await linear.closing(issue);
});
