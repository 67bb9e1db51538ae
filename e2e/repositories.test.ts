import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hands } from './support/hands.ts';
import type { ActivityView } from './support/linear.ts';
import { until } from './support/until.ts';
import { plainRepository, World } from './support/world.ts';

const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 123456\n`;
const lfs = { ...plainRepository, '.gitattributes': '*.psd filter=lfs diff=lfs merge=lfs -text\n', 'art/poster.psd': pointer };
const submodules = { ...plainRepository, '.gitmodules': '[submodule "lib"]\n\tpath = libs/lib\n\turl = ../lib.git\n' };
const one = 'echo 1 > one.txt && git add one.txt && git commit -qm One';

let world: World;
let programs: string;
beforeAll(async () => {
  programs = await pathWithout('git-lfs');
  world = await World.open({
    repositories: {
      app: plainRepository,
      lfs,
      pointers: lfs,
      lib: { 'lib.txt': 'lib\n' },
      subs: submodules,
      lost: { ...plainRepository, '.gitmodules': '[submodule "lib"]\n\tpath = libs/lib\n\turl = ../nowhere.git\n' },
      slow: plainRepository,
      tree: plainRepository,
      scripts: {
        ...plainRepository,
        'cyrus-setup.sh': 'echo "$CYRUS_ISSUE on $CYRUS_PORT" > /dev/null; touch ready\n',
        '.gitignore': 'ready\n',
      },
      empty: { a: 'a' },
      headless: plainRepository,
      branchless: plainRepository,
      names: { ...plainRepository, 'docs/Übersicht der Größen/a b.md': 'a\n', '日本語 🎉.txt': 'b\n' },
      serviceless: plainRepository,
      tool: { 'README.md': 'x\n' },
    },
    repositoryConfig: {
      pointers: { lfs: 'pointers' },
      slow: { setup: { command: 'echo begun; sleep 600', timeoutMs: 8_000 } },
      scripts: { teardown: { command: 'test -e ready' } },
      branchless: { baseBranch: 'release/9' },
      serviceless: { verify: { commands: ['npm test'], services: [{ name: 'db', command: 'no-such-database --port $CYRUS_PORT_1' }] } },
      tool: { verify: { commands: ['no-such-checker .'] } },
    },
    config: { executor: 'hands', executors: { hands }, limits: { maxAttemptsPerTask: 1, maxFileMb: 1, maxParallelAgents: 4 } },
    environment: { PATH: programs },
  });
  const { github } = world;
  await github.git('empty', 'update-ref', '-d', 'refs/heads/main');
  await github.git('headless', 'update-ref', 'refs/heads/trunk', 'refs/heads/main');
  await github.git('headless', 'update-ref', '-d', 'refs/heads/main');
  for (const name of ['subs', 'lost']) await link(name, 'libs/lib');
});
afterAll(async () => {
  await world?.close();
  if (programs !== undefined) await rm(programs, { recursive: true, force: true });
});

/** A directory of links to all programs but one. */
async function pathWithout(missing: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-e2e-path-'));
  const seen = new Set([missing]);
  for (const place of (process.env['PATH'] ?? '').split(':').filter((entry) => entry.startsWith('/'))) {
    for (const name of await readdir(place).catch(() => [])) {
      if (seen.has(name)) continue;
      seen.add(name);
      await symlink(join(place, name), join(directory, name));
    }
  }
  return directory;
}

/** Puts the head of `lib` into a repository, as a submodule is. */
async function link(name: string, path: string): Promise<void> {
  const { github } = world;
  const git = async (...args: string[]): Promise<string> => (await github.git(name, ...args)).trim();
  const head = (await github.git('lib', 'rev-parse', 'main')).trim();
  await git('read-tree', 'main');
  await git('update-index', '--add', '--cacheinfo', `160000,${head},${path}`);
  const identity = ['-c', 'user.name=A', '-c', 'user.email=a@b.test'];
  const commit = await git(...identity, 'commit-tree', await git('write-tree'), '-p', 'main', '-m', 'Add lib');
  await git('update-ref', 'refs/heads/main', commit);
}

/** Gives an issue to the agent and waits for the answer. */
async function answered(
  repository: string,
  title: string,
  run: string,
): Promise<ActivityView & { readonly issue: string; readonly body: string }> {
  const issue = await world.linear.assign({ title, description: `[repo=${repository}]\n\n[[run ${run}]]`, labels: ['Feature'] });
  const answer = await world.linear.closing(issue);
  return { ...answer, issue, body: answer.body ?? '' };
}
const whatToDo = (body: string): string => /\*\*What to do:\*\* (.*)/.exec(body)?.[1] ?? '';

describe.concurrent('a repository', () => {
  test('LFS without git-lfs is refused before an agent runs, with both ways out', async () => {
    const { type, body, issue } = await answered('lfs', 'Large files', one);
    expect(type).toBe('error');
    expect(body).toMatch(/^❌ This repository keeps files in Git LFS \(art\/poster\.psd\), and git-lfs is not installed/);
    expect(whatToDo(body)).toMatch(/Install git-lfs \(apt-get install git-lfs.*`?repositories\[\]\.lfs`? to "pointers"/);
    expect(await world.github.pulls('lfs', issue)).toEqual([]);
  });

  test('with leave it works on the pointers, and says so', async () => {
    const { body, issue } = await answered('pointers', 'Pointers', one);
    expect(body).toMatch(/^✅/);
    await world.linear.seen(issue, /Large files of Git LFS are pointer files here.*art\/poster\.psd/);
    expect(await world.github.pulls('pointers', issue)).toHaveLength(1);
  });

  test('submodules are there; one with a commit that is only here is not published, one that was taken out is told', async () => {
    const inside =
      'cat libs/lib/lib.txt && cd libs/lib && git commit -q --allow-empty -m Inside && cd ../.. && git add libs/lib && git commit -qm Bump';
    const { body, issue } = await answered('subs', 'Bump the library', inside);
    // Its new commit is nowhere but here: nobody else could check the work out.
    expect(body).toMatch(/The work names commits of submodules that are not in their own repositories \(libs\/lib at [0-9a-f]{10}\)/);
    expect(whatToDo(body)).toContain('Push these commits to the repository of the submodule');
    expect(await world.github.pulls('subs', issue)).toEqual([]);
    await world.linear.stop(issue);
    const fine = await answered('subs', 'Use the library', `cat libs/lib/lib.txt && ${one}`);
    expect(fine.body).toMatch(/^✅ Ran it: lib/);
    const moved = await answered('subs', 'Take the library out', 'git rm -q libs/lib .gitmodules && git commit -qm Out');
    expect(moved.body).toContain('**Submodules:** `libs/lib`: removed');
  });

  test('a submodule out of reach is named, with the way to go on without', async () => {
    const { type, body } = await answered('lost', 'Reach it', one);
    expect(type).toBe('error');
    expect(body).toMatch(/^❌ The submodule libs\/lib cannot be had/);
    expect(whatToDo(body)).toContain('repositories[].submodules to false');
  });

  test('setup that takes too long ends, with its output and the setting', async () => {
    const { type, body } = await answered('slow', 'Wait for it', one);
    expect(type).toBe('error');
    expect(body).toMatch(/^❌ The setup command failed: The setup command took longer than 8 s/);
    expect(body).toContain('begun');
    expect(whatToDo(body)).toContain('setup.timeoutMs');
  });

  test("the repository's own setup script is shown while it runs, and teardown comes at the end", async () => {
    const { body, issue } = await answered('scripts', 'Set it up', `test -e ready && test -n "$CYRUS_PORT_9" && ${one}`);
    expect(body).toMatch(/^✅/);
    await world.linear.seen(issue, /^Setting up `cyrus-setup\.sh` \(of the base branch\)/);
    await world.linear.seen(issue, /^Set up `cyrus-setup\.sh`/);
    await until('the teardown is told', async () => (await world.cyrus('logs', issue, '--json')).stdout.includes('teardown.done'));
  });

  test('an empty repository says that it needs a commit', async () => {
    const { type, body } = await answered('empty', 'From nothing', one);
    expect(type).toBe('error');
    expect(body).toMatch(/^❌ .* has no commits/);
    expect(whatToDo(body)).toContain('Push a first commit');
  });

  test('a default branch that is not there: the work is on what there is', async () => {
    const { body, issue } = await answered('headless', 'Without a head', one);
    expect(body).toMatch(/^✅/);
    expect((await world.github.pulls('headless', issue))[0]?.base).toBe('trunk');
  });

  test('a base branch that is not there is named', async () => {
    const { type, body } = await answered('branchless', 'Nowhere to stand', one);
    expect(type).toBe('error');
    expect(body).toMatch(/^❌ The base branch release\/9 is not in the repository\./);
    expect(whatToDo(body)).toMatch(/Push that branch, or correct baseBranch .*default branch is main/);
  });

  test('names with spaces and of every language go out as they are', async () => {
    const { body, issue } = await answered(
      'names',
      'Names 名前',
      `printf x > "docs/Übersicht der Größen/ñ 新.md" && git mv "日本語 🎉.txt" "б в.txt" && git add -A && git commit -qm Names`,
    );
    expect(body).toMatch(/^✅/);
    const [pull] = await world.github.pulls('names', issue);
    const files = (await world.github.git('names', 'ls-tree', '-r', '-z', '--name-only', pull?.head ?? '')).split('\0');
    expect(files).toContain('docs/Übersicht der Größen/ñ 新.md');
    expect(files).toContain('б в.txt');
  });

  test('commits that people put on top of our branch are gone on from, and are not lost', async () => {
    const { body, issue } = await answered('tree', 'In turns', 'date +%N >> turns.txt && git add turns.txt && git commit -qm Turn');
    expect(body).toMatch(/^✅/);
    const branch = (await world.github.pulls('tree', issue))[0]?.head ?? '';
    await world.github.people('push', { repository: 'acme/tree', branch, files: { 'theirs.txt': 'by a person' } });
    await world.linear.say(issue, 'Once more');
    const second = await world.linear.closing(issue, 2, 100_000);
    expect(second.body).toMatch(/^✅/);
    const files = (await world.github.git('tree', 'ls-tree', '-r', '--name-only', branch)).split('\n');
    expect(files).toContain('theirs.txt');
    expect((await world.github.git('tree', 'show', `${branch}:turns.txt`)).trim().split('\n')).toHaveLength(2);
    expect(await world.github.pulls('tree', issue)).toHaveLength(1);
  });

  test.each([
    [
      'a file that is too large',
      'head -c 3000000 /dev/urandom > dump.bin && git add dump.bin && git commit -qm Dump',
      /files larger than 1 MB \(dump\.bin, 2\.9 MB\).*Generated files belong into \.gitignore/,
    ],
    [
      'a .git under another name',
      'mv .git saved',
      /inside of a git repository as files \(saved\/.*A renamed \.git is to get its name back/,
    ],
    [
      'a repository inside the repository',
      'mkdir vendor && cd vendor && git init -q && echo 1 > a && git add a && git -c user.name=a -c user.email=a@b.test commit -qm Inner && cd .. && git add vendor && git commit -qm Vendor',
      /a repository inside the repository \(vendor\).*Delete its \.git to keep its files/,
    ],
  ])('%s is not published, and what to do is said', async (title, run, message) => {
    const { type, body, issue } = await answered('app', title, run);
    expect(type).toBe('elicitation');
    expect(body).toMatch(message);
    expect(whatToDo(body)).not.toBe('');
    expect(body).toContain('**Kept:**');
    expect(await world.github.pulls('app', issue)).toEqual([]);
    expect((await world.github.git('app', 'for-each-ref', '--format=%(refname)', 'refs/heads/cyrus')).includes(issue.toLowerCase())).toBe(
      false,
    );
    await world.linear.say(issue, 'Stop here');
  });

  test.each([
    ['checks whose program is missing', 'tool', /its checks cannot be run here: no-such-checker is not installed on this host/],
    ['checks whose service is missing', 'serviceless', /its checks cannot be run here: the program of the service db is not installed/],
  ])('%s are told, and nothing is published as if they had passed', async (title, repository, message) => {
    const { type, body, issue } = await answered(repository, title, one);
    // What becomes of work that nobody checked is for a person to say.
    expect(type).toBe('elicitation');
    expect(body).toMatch(message);
    expect(body).toContain('Mend that on this machine');
    expect(await world.github.pulls(repository)).toEqual([]);
    await world.linear.stop(issue);
  });
});

test('nothing is left behind', async () => {
  await until(
    'every checkout to be gone',
    async () => [...(await world.checkouts('work')), ...(await world.checkouts('verify'))].length === 0,
  );
  expect(await world.linear.violations()).toEqual([]);
});
