import { spawn } from 'node:child_process';
import { access, chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Checkout } from '../src/checkout.ts';
import { type Checkouts, createCheckouts } from '../src/checkouts.ts';
import type { Mirror } from '../src/mirror.ts';
import { command, git, identity, newSetting, noBubblewrap, type Setting, write } from './setting.ts';

let setting: Setting;
let mirror: Mirror;
let canary: string;
let other: { readonly mirror: Mirror; readonly sha: string; readonly work: string };

let name: string;
let count = 0;
beforeAll(async () => {
  setting = await newSetting();
  canary = join(setting.base, 'canary');
  mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl: setting.upstream });
  await mirror.fetch();
  other = await otherRepository();
});
afterAll(() => setting.end());
beforeEach(() => {
  name = `agent-${++count}`;
});

/** A second repository of the same home, which nothing of the first may learn of. */
async function otherRepository(): Promise<typeof other> {
  const work = join(setting.base, 'other');
  await git(setting.base, 'init', '-q', '--initial-branch=main', work);
  await write(work, { 'secret.txt': 'the other secret' });
  await git(work, 'add', '-A');
  await git(work, 'commit', '-q', '-m', 'secret');
  const opened = await setting.checkouts.mirror({ id: 'other', repositoryPath: work });
  await opened.fetch();
  return { mirror: opened, work, sha: await git(work, 'rev-parse', 'HEAD') };
}

async function checkout(): Promise<Checkout> {
  return setting.checkouts.create({ mirror, name, sha: (await mirror.resolve('main')) ?? '', branch: 'cyrus/x-1' });
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
const executable = async (path: string, text: string): Promise<void> => {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
  await chmod(path, 0o755);
};

/** Everything the product does with a checkout after an agent; gives the failure of the collection, if it failed. */
async function handle(made: Checkout, checkouts: Checkouts = setting.checkouts): Promise<FailureError | undefined> {
  let failure: FailureError | undefined;
  try {
    const collected = await checkouts.collect({
      mirror,
      checkout: made,
      attempt: name,
      timeoutMs: 15_000,
      maxBytes: 3_000_000,
    });
    const range = { mirror, base: made.baseSha, head: collected.sha };
    await checkouts.evidence(range);
    const { text } = await checkouts.diff({ ...range, maxBytes: 1_000_000 });
    expect(text).not.toContain('the other secret');
    await checkouts.merge({ mirror, into: made.baseSha, head: collected.sha, message: 'merge' });
    await checkouts.create({ mirror, name: `verify-${name}`, sha: collected.sha, branch: 'cyrus/verify', purpose: 'verify' });
    await checkouts.remove({ mirror, checkout: made, collected });
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    failure = error;
  }
  await mirror.fetch();
  return failure;
}

const saved = async (path: string): Promise<string> => git(mirror.directory, 'show', `refs/cyrus/wip/${name}:${path}`);

type Prepare = (tree: string) => Promise<void>;
const survivable: readonly (readonly [string, Prepare])[] = [
  ['core.fsmonitor', async (tree) => void (await git(tree, 'config', 'core.fsmonitor', `touch ${canary} #`))],
  [
    'hooks in the repository and elsewhere',
    async (tree) => {
      for (const name of [
        'pre-commit',
        'post-checkout',
        'reference-transaction',
        'post-index-change',
        'pre-push',
        'post-commit',
        'pre-auto-gc',
      ]) {
        await executable(join(tree, '.git/hooks', name), `#!/bin/sh\ntouch ${canary}\n`);
        await executable(join(tree, 'hooks', name), `#!/bin/sh\ntouch ${canary}\n`);
      }
      await git(tree, 'config', 'core.hooksPath', join(tree, 'hooks'));
    },
  ],
  [
    'filters',
    async (tree) => {
      await git(tree, 'config', 'filter.evil.clean', `touch ${canary}; cat`);
      await git(tree, 'config', 'filter.evil.smudge', `touch ${canary}; cat`);
      await git(tree, 'config', 'filter.evil.process', `touch ${canary}`);
      await git(tree, 'config', 'diff.evil.textconv', `touch ${canary}; cat`);
      await git(tree, 'config', 'diff.evil.command', `touch ${canary}`);
      await git(tree, 'config', 'merge.evil.driver', `touch ${canary}`);
      await write(tree, { '.gitattributes': '* filter=evil diff=evil merge=evil\n' });
    },
  ],
  [
    'programs named in the configuration',
    async (tree) => {
      for (const key of [
        'core.sshCommand',
        'core.pager',
        'core.editor',
        'core.gitProxy',
        'diff.external',
        'credential.helper',
        'alias.upload-pack',
        'gpg.program',
        'core.askPass',
        'core.alternateRefsCommand',
        'uploadpack.packObjectsHook',
      ]) {
        await git(tree, 'config', key, `touch ${canary} #`);
      }
      await git(tree, 'config', 'commit.gpgSign', 'true');
      await git(tree, 'config', 'core.worktree', setting.base);
    },
  ],
  [
    'programs named git in the tree',
    async (tree) => {
      for (const name of ['git', 'git-upload-pack', 'sh', 'bin/git', 'git.exe'])
        await executable(join(tree, name), `#!/bin/sh\ntouch ${canary}\n`);
    },
  ],
  [
    'a repository inside with a configuration of its own',
    async (tree) => {
      await git(tree, 'init', '-q', 'inner');
      await write(join(tree, 'inner'), { 'x.txt': 'x' });
      await git(join(tree, 'inner'), 'add', '-A');
      await git(join(tree, 'inner'), 'commit', '-q', '-m', 'inner');
      await git(join(tree, 'inner'), 'config', 'core.fsmonitor', `touch ${canary} #`);
      await git(tree, 'init', '-q', 'empty-inner');
    },
  ],
  ['a lock nobody holds', async (tree) => writeFile(join(tree, '.git/index.lock'), '')],
  ['a broken index', async (tree) => writeFile(join(tree, '.git/index'), 'DIRC garbage')],
  ['a broken HEAD', async (tree) => writeFile(join(tree, '.git/HEAD'), 'ref: refs/heads/../../../../x\n')],
  ['a broken configuration', async (tree) => writeFile(join(tree, '.git/config'), '[[[\n')],
  ['no repository at all', async (tree) => rm(join(tree, '.git'), { recursive: true })],
  ['.git linked to another repository', async (tree) => replaceGit(tree, () => symlink(join(other.work, '.git'), join(tree, '.git')))],
  ['.git linked to another mirror', async (tree) => replaceGit(tree, () => symlink(other.mirror.directory, join(tree, '.git')))],
  [
    '.git a file that names another repository',
    async (tree) => replaceGit(tree, () => writeFile(join(tree, '.git'), `gitdir: ${other.work}/.git\n`)),
  ],
  [
    'alternates that name another mirror, and HEAD its commit',
    async (tree) => {
      await writeFile(join(tree, '.git/objects/info/alternates'), `${other.mirror.objectsDirectory}\n${other.work}/.git/objects\n`);
      await writeFile(join(tree, '.git/HEAD'), `${other.sha}\n`);
    },
  ],
  [
    'objects linked to another repository',
    async (tree) => {
      await rm(join(tree, '.git/objects'), { recursive: true });
      await symlink(join(other.work, '.git/objects'), join(tree, '.git/objects'));
      await writeFile(join(tree, '.git/HEAD'), `${other.sha}\n`);
    },
  ],
  [
    'links out of the tree',
    async (tree) => {
      await symlink(join(other.work, 'secret.txt'), join(tree, 'link.txt'));
      await symlink(other.work, join(tree, 'link'));
      await rm(join(tree, '.git/info/exclude'), { force: true });
      await symlink(join(other.work, 'secret.txt'), join(tree, '.git/info/exclude'));
    },
  ],
  [
    'files git cannot store',
    async (tree) => {
      await command('mkfifo', [join(tree, 'pipe')], tree);
      await writeFile(join(tree, 'closed'), 'x');
      await chmod(join(tree, 'closed'), 0);
    },
  ],
  [
    'names full of syntax',
    async (tree) => {
      for (const name of [
        `$(touch ${canary.replaceAll('/', '\\')})`,
        '`id`',
        '; touch x',
        '-rf',
        '--upload-pack=x',
        'a\nb\tc',
        '\u202egnp.exe',
        '💥',
        ':(glob)**',
        '*',
        "'",
        '"',
        ' ',
      ]) {
        await writeFile(join(tree, name), 'x');
      }
    },
  ],
];

const replaceGit = async (tree: string, put: () => Promise<void>): Promise<void> => {
  await rename(join(tree, '.git'), join(tree, '..', '.moved-git'));
  await put();
};

describe.skipIf(noBubblewrap)('an agent that means harm', () => {
  test.each(survivable)('%s: nothing runs outside, nothing leaks, the work is saved', async (_, prepare) => {
    const made = await checkout();
    await write(made.directory, { 'work.txt': 'the work' });
    await prepare(made.directory);
    expect(await handle(made)).toBeUndefined();
    expect(await saved('work.txt')).toBe('the work');
    expect(await exists(canary)).toBe(false);
    await expect(git(mirror.directory, 'cat-file', '-e', other.sha)).rejects.toThrow();
  });

  test('a submodule address that is an option is refused, and the checkout stays', async () => {
    const made = await checkout();
    await write(made.directory, { '.gitmodules': `[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch ${canary}\n` });
    expect((await handle(made))?.failure.class).toBe('no_evidence');
    expect(await exists(canary)).toBe(false);
    expect(await setting.checkouts.find(name)).toEqual(made);
  });

  test('more than allowed ends the collection', async () => {
    const made = await checkout();
    const random = spawn('head', ['-c', '6000000', '/dev/urandom'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    for await (const chunk of random.stdout) chunks.push(chunk as Buffer);
    await writeFile(join(made.directory, 'big.bin'), Buffer.concat(chunks));
    expect((await handle(made))?.failure).toMatchObject({ class: 'no_evidence', message: expect.stringContaining('3000000 bytes') });
  });

  test('a configuration that never ends being read runs into the time limit', async () => {
    const made = await checkout();
    await rm(join(made.directory, '.git/config'));
    await command('mkfifo', [join(made.directory, '.git/config')], made.directory);
    expect((await handle(made))?.failure.class).toBe('timeout');
    expect(await setting.checkouts.find(name)).toEqual(made);
  });
});

describe('an agent that means harm, on a host without isolation', () => {
  const leaks = survivable.filter(([what]) => /another|links out/.test(what));
  test.each(leaks)('%s: what it points at is not collected', async (_, prepare) => {
    const checkouts = createCheckouts({
      root: setting.root,
      sandbox: createSandbox({ isolation: 'none', clock: systemClock }),
      clock: systemClock,
      gitIdentity: identity,
    });
    const made = await checkout();
    await write(made.directory, { 'work.txt': 'the work' });
    await prepare(made.directory);
    expect(await handle(made, checkouts)).toBeUndefined();
    expect(await saved('work.txt')).toBe('the work');
    await expect(git(mirror.directory, 'cat-file', '-e', other.sha)).rejects.toThrow();
  });
});

describe('a repository that means harm', () => {
  test('its filters, hooks and submodules do not run in a checkout', async () => {
    await setting.commit({
      '.gitattributes': '* filter=evil ident\n*.bin filter=lfs diff=lfs merge=lfs\n',
      '.gitmodules': `[submodule "s"]\n\tpath = s\n\turl = ${other.work}\n`,
      'hooks/post-checkout': `#!/bin/sh\ntouch ${canary}\n`,
      '.gitconfig': `[core]\n\tfsmonitor = touch ${canary}\n`,
      'a.bin': 'version https://git-lfs.github.com/spec/v1\n',
    });
    await git(setting.work, 'update-index', '--add', '--cacheinfo', `160000,${other.sha},s`);
    await git(setting.work, 'commit', '-q', '-m', 'submodule');
    await git(setting.work, 'push', '-q', 'origin', 'HEAD');
    await mirror.fetch();
    const made = await checkout();
    expect(await git(made.directory, 'config', '--get-all', 'user.name')).toBe(identity.name);
    expect([await exists(canary), await exists(join(made.directory, 's/secret.txt'))]).toEqual([false, false]);
  });

  test.each([
    'ext::sh -c touch% /tmp/x',
    'fd::3',
    '--upload-pack=x',
    'git://host/x',
    'http://a\nb',
    '-x:y',
    'ssh://-oProxyCommand=x/y',
    'relative/path',
    '',
  ])('the address %j is refused', async (remoteUrl) => {
    await expect(setting.checkouts.mirror({ id: 'evil', remoteUrl })).rejects.toMatchObject({ failure: { class: 'invalid_request' } });
  });
});
