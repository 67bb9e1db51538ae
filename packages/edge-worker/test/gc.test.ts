import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkout } from 'cyrus-checkouts/checkout';
import { type Checkouts, createCheckouts } from 'cyrus-checkouts/checkouts';
import type { Mirror } from 'cyrus-checkouts/mirror';
import { systemClock } from 'cyrus-core/clock';
import { configSchema } from 'cyrus-core/config/schema';
import { silentLog } from 'cyrus-store/log';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collectGarbage, type GcOptions } from '../src/gc/gc.ts';
import type { GcReport } from '../src/gc/report.ts';
import { createGithubCredentials } from '../src/github-credentials.ts';
import { createDiskRoom } from '../src/jobs/disk-room.ts';
import { createRepositories } from '../src/jobs/repositories.ts';
import { bestSandbox } from './support/hosts.ts';
import { makeRepository, type TestRepository } from './support/repository.ts';
import { temporary } from './support/supervisor.ts';

let database: TestDatabase;
let temp: Awaited<ReturnType<typeof temporary>>;
let home: string;
let origin: TestRepository;
let checkouts: Checkouts;
let mirror: Mirror;
let options: GcOptions;
beforeEach(async () => {
  [database, temp] = await Promise.all([testDatabase(), temporary()]);
  await database.db.query(`update cyrus.schema_migration set applied_at = clock_timestamp() - interval '1 year'`);
  home = join(temp.path, 'home');
  origin = await makeRepository(join(temp.path, 'origin'), { 'a.txt': 'a\n' });
  const settings = { pool: 1, keepWipDays: 14, keepUnpushedDays: 90, keepConversationDays: 30 };
  const parsed = configSchema.parse({ repositories: [{ id: 'repo', repositoryPath: origin.path }], checkouts: settings });
  const config = () => parsed;
  const identity = { name: 'Cyrus', email: 'cyrus@localhost' };
  checkouts = createCheckouts({ root: home, sandbox: bestSandbox, clock: systemClock, gitIdentity: identity });
  const repositories = createRepositories(checkouts, config, createGithubCredentials({ config, clock: systemClock }));
  mirror = await repositories.open('repo');
  await mirror.fetch();
  const room = createDiskRoom({ home, config, clock: systemClock });
  options = { home, checkouts, repositories, config, db: database.db, clock: systemClock, log: silentLog, room };
});
afterEach(async () => {
  await database.stop();
  await temp.remove();
});

const gc = (more: Partial<GcOptions> & { dryRun?: boolean } = {}): Promise<GcReport> =>
  collectGarbage({ ...options, ...more }, { dryRun: more.dryRun ?? false, signal: new AbortController().signal });
const found = ({ items }: GcReport): string[] =>
  items.map(({ kind, what }) => `${kind} ${what.replace(/^.*\/(?=[^/]+\/[^/]+$)/, '')}`).sort();

/** A plan of one task and one attempt: under way, or ended so many days ago. */
async function plan(name: string, endedDaysAgo: number | null): Promise<void> {
  const query = (text: string, ...values: unknown[]) => database.db.query(text, values);
  await query(`insert into cyrus.issue (id, workspace, identifier, title) values ($1, 'w', $1, $1)`, name);
  await query(
    `insert into cyrus.plan (id, issue_id, number, state, procedure, repository_id, branch, ended_at, created_at)
     values ($1, $1, 1, $2, 'builder', 'repo', 'cyrus/' || $1, clock_timestamp() - make_interval(days => $3), clock_timestamp() - make_interval(days => coalesce($3, 0) + 1))`,
    name,
    endedDaysAgo === null ? 'running' : 'done',
    endedDaysAgo,
  );
  await query(`insert into cyrus.task (id, plan_id, key, procedure, prompt) values ($1, $2, 'k', 'builder', '')`, `task-${name}`, name);
  await query(
    `insert into cyrus.attempt (id, task_id, plan_id, number, executor_id) values ($1, $2, $3, 1, 'claude')`,
    ...[`attempt-${name}`, `task-${name}`, name],
  );
  await query(
    `insert into cyrus.conversation (id, issue_id, repository_id, executor_id, started) values ($1, $2, 'repo', 'claude', true)`,
    ...[`conversation-${name}`, name],
  );
}

async function checkout(name: string, work?: string): Promise<Checkout> {
  const made = await checkouts.create({ mirror, name: `task-${name}`, sha: (await mirror.resolve('main')) ?? '', branch: `cyrus/${name}` });
  if (work !== undefined) await writeFile(join(made.directory, 'work.txt'), work);
  return made;
}

test('a checkout whose task is over goes, and its work is saved first; one of a task under way stays', async () => {
  await Promise.all([plan('over', 1), plan('live', null)]);
  const over = await checkout('over', 'unsaved work');
  await checkout('live', 'in the middle');
  await checkout('unknown', 'just made');
  const would = await gc({ dryRun: true });
  expect(found(would)).toEqual(['checkout task-over/repo']);
  expect(would.freedBytes).toBeGreaterThan(4_000);
  expect((await checkouts.list()).map(({ name }) => name).sort()).toEqual(['task-live', 'task-over', 'task-unknown']);
  expect(found(await gc())).toEqual(['checkout task-over/repo']);
  await expect(stat(over.directory)).rejects.toThrow();
  expect((await checkouts.list()).map(({ name }) => name).sort()).toEqual(['task-live', 'task-unknown']);
  const args = ['show', 'refs/cyrus/wip/task-over-removed:work.txt'];
  expect((await mirror.git.run({ did: 'read', gitDir: mirror.directory, args })).stdout).toBe('unsaved work');
});

test('a checkout with a cleanup still to come, and one that cannot be saved, stay', async () => {
  await Promise.all([plan('over', 1), plan('broken', 1)]);
  await checkout('over');
  const broken = await checkout('broken', 'x');
  await database.db.query(`insert into cyrus.host_job (id, kind, notify, plan_id) values ('j', 'cleanup', 'plan:over', 'over')`);
  const refused: Checkouts = { ...checkouts, remove: () => Promise.reject(new Error('no space')) };
  const report = await gc({ checkouts: refused });
  expect(report.items).toEqual([]);
  expect(report.kept).toEqual([{ what: broken.directory, why: 'no space' }]);
});

test('saved work stays until it is on the remote and over for long; what is nowhere else stays much longer', async () => {
  for (const [name, days] of [
    ['live', null],
    ['fresh', 1],
    ['pushed', 20],
    ['unpushed', 20],
    ['ancient', 100],
  ] as const) {
    await plan(name, days);
    const made = await checkout(name, `work of ${name}`);
    const collected = await checkouts.collect({ mirror, checkout: { ...made, createdAt: 1e12 }, attempt: `attempt-${name}` });
    await checkouts.remove({ mirror, checkout: made, collected });
    if (name === 'pushed' || name === 'fresh')
      await mirror.git.run({
        ...{ did: 'push', gitDir: mirror.directory, config: { 'protocol.file.allow': 'always' } },
        args: ['push', '--quiet', origin.path, `${collected.sha}:refs/heads/cyrus/${name}`],
      });
  }
  await mirror.fetch();
  const wips = (report: GcReport): string[] => found(report).filter((item) => item.includes(' wip/'));
  expect(wips(await gc({ dryRun: true }))).toEqual(['saved-work wip/attempt-ancient', 'saved-work wip/attempt-pushed']);
  await gc();
  const left = (await checkouts.saved(mirror)).map(({ ref }) => ref).filter((ref) => ref.includes('/wip/'));
  expect(left).toEqual(['attempt-fresh', 'attempt-live', 'attempt-unpushed'].map((name) => `refs/cyrus/wip/${name}`));
});

test('a mirror much of which leads nowhere is replaced; not while work is under way', async () => {
  await plan('live', null);
  await origin.commit({ 'big.txt': Array.from({ length: 20_000 }, () => Math.random()).join('\n') });
  await mirror.fetch();
  const base = await mirror.resolve('main');
  await database.db.query(`update cyrus.plan set start_sha = $1 where id = 'live'`, [base]);
  await origin.git('reset', '--quiet', '--hard', 'HEAD~1');
  await origin.commit({ 'b.txt': 'b' });
  await mirror.fetch();
  const wasteBytes = 50_000;
  const first = mirror.directory;
  expect((await gc({ wasteBytes, busy: () => true })).kept).toMatchObject([{ what: first, why: expect.stringContaining('quiet') }]);
  expect(found(await gc({ wasteBytes, dryRun: true }))).toEqual(['mirror repos/repo.git']);
  expect(mirror.directory).toBe(first);
  const report = await gc({ wasteBytes });
  expect(report.freedBytes).toBeGreaterThan(100_000);
  expect(mirror.directory).not.toBe(first);
  await expect(stat(first)).rejects.toThrow();
  // What a plan under way builds on is in the new one, too.
  expect(await mirror.resolve(base ?? '')).toBe(base);
});

test('conversations go when nothing has been under way on their issue for long, and are begun anew afterwards', async () => {
  await Promise.all([plan('live', null), plan('fresh', 2), plan('over', 60)]);
  const place = join(home, 'conversations');
  for (const name of ['conversation-live', 'conversation-fresh', 'conversation-over', 'conversation-nobody', 'conversation-young']) {
    await mkdir(join(place, name), { recursive: true });
    await writeFile(join(place, name, 'transcript'), 'x'.repeat(9_000));
    if (!name.endsWith('young')) await utimes(join(place, name), 1, 1);
  }
  expect(found(await gc())).toEqual(['conversation conversations/conversation-nobody', 'conversation conversations/conversation-over']);
  expect((await readdir(place)).sort()).toEqual(['conversation-fresh', 'conversation-live', 'conversation-young']);
  const { rows } = await database.db.query<{ id: string }>('select id from cyrus.conversation where started order by id');
  expect(rows.map(({ id }) => id)).toEqual(['conversation-fresh', 'conversation-live']);
});

test('what waits for a repository that nothing was done in goes', async () => {
  await checkouts.pool.add({ mirror, sha: (await mirror.resolve('main')) ?? '' });
  await plan('over', 20);
  expect(found(await gc())).toEqual(['waiting-checkout repo-1/repo']);
  await plan('live', null);
  await checkouts.pool.add({ mirror, sha: (await mirror.resolve('main')) ?? '' });
  expect(found(await gc())).toEqual([]);
});

test('what is older than the database stays: another one, whose disk is not there today, may know it', async () => {
  await mirror.fetch();
  await database.db.query('update cyrus.schema_migration set applied_at = clock_timestamp()');
  const conversation = join(home, 'conversations', 'c-unknown');
  const attachments = join(home, 'attachments', 't-unknown');
  const old = new Date(Date.now() - 60 * 86_400_000);
  for (const directory of [conversation, attachments]) {
    await mkdir(directory, { recursive: true });
    await utimes(directory, old, old);
  }
  const report = await gc();
  expect(report.items).toEqual([]);
  expect(report.kept).toEqual([{ what: attachments, why: expect.stringContaining('older than this database') }]);
  expect((await stat(conversation)).isDirectory()).toBe(true);
});

/** As if nobody had touched it for so many days. */
async function leave(directory: string, days: number): Promise<void> {
  const at = new Date(Date.now() - days * 86_400_000);
  for (const name of await readdir(directory, { recursive: true })) await utimes(join(directory, name), at, at);
  await utimes(directory, at, at);
}

test('the mirror of a repository that is configured no more goes with its large files, once nobody has used it for long', async () => {
  const place = join(home, 'repos', 'gone.git');
  const gone = await checkouts.mirror({ id: 'gone', repositoryPath: origin.path });
  await gone.fetch();
  await mkdir(join(`${place}.lfs`, 'objects'), { recursive: true });
  await leave(`${place}.lfs`, 31);
  expect(found(await gc())).toEqual([]);
  await leave(place, 31);
  expect(found(await gc({ dryRun: true }))).toEqual(['large-files repos/gone.git.lfs', 'mirror repos/gone.git']);
  const report = await gc();
  expect(found(report)).toEqual(['large-files repos/gone.git.lfs', 'mirror repos/gone.git']);
  expect(report.freedBytes).toBeGreaterThan(0);
  expect((await readdir(join(home, 'repos'))).filter((name) => name.includes('gone'))).toEqual([]);
  expect((await readdir(join(home, 'repos'))).filter((name) => name.startsWith('repo.git'))).toEqual(['repo.git']);
  // Configured again it is made anew.
  const again = await checkouts.mirror({ id: 'gone', repositoryPath: origin.path });
  await again.fetch();
  expect(await again.resolve('main')).toBe(await mirror.resolve('main'));
});

test('a mirror that holds work which is nowhere else stays and is named; one that checkouts or plans work with stays too', async () => {
  const place = join(home, 'repos', 'gone.git');
  const gone = await checkouts.mirror({ id: 'gone', repositoryPath: origin.path });
  await gone.fetch();
  const head = (await gone.resolve('main')) ?? '';
  const git = async (...args: string[]) => (await gone.git.run({ did: 'work', gitDir: place, args })).stdout.trim();
  const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.test'];
  const sha = await git(...who, 'commit-tree', `${head}^{tree}`, '-p', head, '-m', 'work');
  await git('update-ref', 'refs/cyrus/wip/a1', sha);
  await leave(place, 400);
  const report = await gc();
  expect(found(report)).toEqual([]);
  expect(report.kept).toEqual([
    { what: place, why: expect.stringMatching(/holds work that is on no remote \(1 commit\): configure the repository again/) },
  ]);
  expect(await gone.resolve(sha)).toBe(sha);

  await git('update-ref', '-d', 'refs/cyrus/wip/a1');
  await plan('c', null);
  const checkout = await checkouts.create({ mirror: gone, name: 'c', sha: head, branch: 'cyrus/c', purpose: 'verify' });
  await leave(place, 400);
  expect((await gc()).kept).toContainEqual({ what: place, why: expect.stringContaining('checkouts work with it') });
  await checkouts.remove({ mirror: gone, checkout });
  await plan('live', null);
  await database.db.query(`update cyrus.plan set repository_id = 'gone' where id = 'live'`);
  expect(found(await gc())).toEqual([]);
  await database.db.query(`update cyrus.plan set state = 'done', ended_at = created_at, created_at = created_at - interval '1 year'`);
  expect(found(await gc())).toEqual(['mirror repos/gone.git']);
});

test('while no repository is configured at all, no mirror is taken for one that nobody needs', async () => {
  await leave(mirror.directory, 400);
  const config = () => configSchema.parse({});
  expect(found(await gc({ config }))).toEqual([]);
  const other = () => configSchema.parse({ repositories: [{ id: 'other', repositoryPath: origin.path }] });
  expect(found(await gc({ config: other, dryRun: true }))).toEqual(['mirror repos/repo.git']);
});

test('large files of earlier commits go after a time; those of the default branch and of work that is not pushed stay', async () => {
  const oids = { old: '1'.repeat(64), branch: '2'.repeat(64), work: '3'.repeat(64), young: '4'.repeat(64) };
  const pointer = (oid: string): string => `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize 5\n`;
  await origin.commit({ '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n', 'a.bin': pointer(oids.branch) });
  await mirror.fetch();
  const head = (await mirror.resolve('main')) ?? '';
  const git = async (args: readonly string[], input = '') =>
    (await mirror.git.run({ did: 'work', gitDir: mirror.directory, args, input })).stdout.trim();
  const blob = await git(['hash-object', '-w', '--stdin'], pointer(oids.work));
  const tree = await git(['mktree'], `100644 blob ${blob}\tb.bin\n`);
  const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.test'];
  const sha = await git([...who, 'commit-tree', tree, '-p', head, '-m', 'work']);
  await git(['update-ref', 'refs/cyrus/wip/a1', sha]);
  await plan('a1', null);
  const store = join(home, 'repos', 'repo.git.lfs', 'objects');
  for (const oid of Object.values(oids)) {
    const directory = join(store, oid.slice(0, 2), oid.slice(2, 4));
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, oid), '12345');
    const at = new Date(Date.now() - (oid === oids.young ? 1 : 31) * 86_400_000);
    await utimes(join(directory, oid), at, at);
  }
  const report = await gc();
  expect(report.items).toMatchObject([{ kind: 'large-files', what: store, bytes: 5, why: expect.stringMatching(/^1 file of earlier/) }]);
  const left = (await readdir(store, { recursive: true })).map((name) => name.split('/').at(-1)).filter((name) => name?.length === 64);
  expect(left.sort()).toEqual([oids.branch, oids.work, oids.young]);
  expect(found(await gc())).toEqual([]);
});
