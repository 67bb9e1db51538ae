import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCheckouts } from '../src/checkouts.ts';
import type { Mirror } from '../src/mirror.ts';
import { type HttpGit, startHttpGit } from './http-git.ts';
import { git, identity, newSetting, type Setting, sandbox, write } from './setting.ts';

let setting: Setting;
let server: HttpGit;
let mirror: Mirror;
let base: string;
const branch = 'cyrus/eng-1-fix';

beforeEach(async () => {
  setting = await newSetting();
  server = await startHttpGit(setting.base);
  mirror = await open('sesame');
  await mirror.fetch();
  base = (await mirror.resolve('main')) ?? '';
});
afterEach(async () => {
  await server.close();
  await setting.end();
});

const open = (token?: string, address = `${server.url}/up.git`): Promise<Mirror> =>
  setting.checkouts.mirror({ id: 'repo', remoteUrl: address, ...(token === undefined ? {} : { token }) });

/** A commit in the mirror that the remote does not have. */
async function work(name: string, from = base): Promise<string> {
  const made = await setting.checkouts.create({ mirror, name, sha: from, branch });
  await write(made.directory, { [`${name}.txt`]: name });
  const collected = await setting.checkouts.collect({ mirror, checkout: made, attempt: name });
  await setting.checkouts.remove({ mirror, checkout: made, collected });
  return collected.sha;
}
const remoteHead = (): Promise<string> => git(setting.upstream, 'rev-parse', branch);

describe('push', () => {
  test('the lease decides: not there yet, moved forward, force-moved, moved by somebody else, deleted', async () => {
    const [one, two, three] = [await work('one'), await work('two'), await work('three')];
    const push = (sha: string, lease: string | null) => setting.checkouts.push({ mirror, sha, branch, lease });
    expect(await push(one, null)).toEqual({ kind: 'pushed', alreadyThere: false });
    expect(await push(one, null)).toEqual({ kind: 'pushed', alreadyThere: true });
    expect(await push(two, null)).toEqual({ kind: 'stale', remoteSha: one });
    expect(await push(two, one)).toEqual({ kind: 'pushed', alreadyThere: false });
    expect(await push(three, one)).toEqual({ kind: 'stale', remoteSha: two });
    expect(await remoteHead()).toBe(two);
    await git(setting.upstream, 'branch', '-D', branch);
    expect(await push(three, two)).toEqual({ kind: 'stale', remoteSha: null });
  });

  test('a branch on the way from the lease to the new head is moved on; one that was put back is left alone', async () => {
    const one = await work('one');
    const two = await work('two', one);
    const three = await work('three', two);
    const push = (sha: string, lease: string | null) => setting.checkouts.push({ mirror, sha, branch, lease });
    expect(await push(one, null)).toEqual({ kind: 'pushed', alreadyThere: false });
    expect(await push(two, null)).toEqual({ kind: 'pushed', alreadyThere: false });
    await git(setting.upstream, 'branch', '-f', branch, one);
    expect(await push(three, two)).toEqual({ kind: 'stale', remoteSha: one });
    expect(await remoteHead()).toBe(one);
  });

  test('a push whose answer was lost is found done, by this call or the next', async () => {
    const one = await work('one');
    server.loseNextPush = true;
    expect(await setting.checkouts.push({ mirror, sha: one, branch, lease: null })).toEqual({ kind: 'pushed', alreadyThere: true });
    expect(await setting.checkouts.push({ mirror, sha: one, branch, lease: null })).toEqual({ kind: 'pushed', alreadyThere: true });
    expect(await remoteHead()).toBe(one);
  });

  test.each([
    'main',
    'refs/heads/cyrus/x',
    'cyrus/',
    'cyrus/../main',
    'cyrus/x:main',
    '+cyrus/x',
    'cyrus/X',
    'cyrus/a b',
    '--delete',
    'cyrus/x\n',
  ])('the branch %j is refused', async (name) => {
    await expect(setting.checkouts.push({ mirror, sha: base, branch: name, lease: null })).rejects.toMatchObject({
      failure: { class: 'invalid_request' },
    });
  });

  test('a rule of the remote is told as such', async () => {
    const hook = join(setting.upstream, 'hooks/pre-receive');
    await writeFile(hook, '#!/bin/sh\necho "branch is protected"; exit 1\n');
    await chmod(hook, 0o755);
    await expect(setting.checkouts.push({ mirror, sha: await work('one'), branch, lease: null })).rejects.toMatchObject({
      failure: { class: 'invalid_request', message: expect.stringContaining('pre-receive hook declined') },
    });
  });

  test("a user's own checkout is never pushed to", async () => {
    const local = await setting.checkouts.mirror({ id: 'local', remoteUrl: setting.work });
    await local.fetch();
    await expect(setting.checkouts.push({ mirror: local, sha: base, branch, lease: null })).rejects.toMatchObject({
      failure: { class: 'invalid_request', message: expect.stringContaining('no remote') },
    });
  });
});

describe('the token', () => {
  test('a wrong or missing one is an auth failure, and neither is asked for on a terminal', async () => {
    for (const token of ['wrong', undefined]) {
      await expect((await open(token)).fetch()).rejects.toMatchObject({
        failure: { class: 'auth', fix: expect.stringContaining('token') },
      });
    }
  });

  test('inside an address it is taken out of it', async () => {
    const opened = await open(undefined, `http://me:sesame@127.0.0.1:${server.port}/up.git`);
    expect(opened.remote).toEqual({
      url: `${server.url}/up.git`,
      kind: 'http',
      credentials: { origin: server.url, username: 'me', password: 'sesame' },
    });
    expect(await opened.fetch()).toEqual({ defaultBranch: 'main' });
  });

  test('stands in no file of the home, and in no argument', async () => {
    server.silent = true;
    const failing = (await open('s3cret-token')).fetch().catch((error: Error) => error.message);
    const until = systemClock.now() + 10_000;
    let lines: string[] = [];
    while (systemClock.now() < until && !lines.some((line) => line.includes('fetch'))) {
      const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
      const all = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
      lines = all.filter((line) => line.includes(`${server.url}/up.git`));
    }
    await server.close();
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join()).not.toContain('s3cret-token');
    expect(await failing).not.toContain('s3cret-token');
    const files = await readdir(setting.root, { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile())) {
      expect(await readFile(join(file.parentPath, file.name), 'latin1')).not.toContain('s3cret-token');
    }
  });

  test('does not follow a redirect to another host', async () => {
    const elsewhere = await startHttpGit(setting.base);
    server.redirectTo = elsewhere.url;
    await expect(mirror.fetch()).rejects.toMatchObject({ failure: { class: 'auth' } });
    const passwords = elsewhere.seen.map((request) => request.password);
    await elsewhere.close();
    expect(passwords.length).toBeGreaterThan(0);
    expect(passwords.every((password) => password === undefined)).toBe(true);
  });
});

test('a host that is away is a network failure, a repository that is not there an invalid request', async () => {
  await expect((await open('sesame', `${server.url}/nothing.git`)).fetch()).rejects.toMatchObject({
    failure: { class: 'invalid_request' },
  });
  await server.close();
  await expect(mirror.fetch()).rejects.toMatchObject({ failure: { class: 'network' } });
});

test('without git the failure says so', async () => {
  const without = createCheckouts({
    root: join(setting.base, 'no-git'),
    sandbox,
    clock: systemClock,
    gitIdentity: identity,
    hostEnvironment: { PATH: '/nowhere' },
  });
  await expect(without.mirror({ id: 'x', remoteUrl: server.url })).rejects.toMatchObject({ failure: { class: 'missing_binary' } });
});
