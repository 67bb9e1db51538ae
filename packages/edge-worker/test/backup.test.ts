import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { backup } from 'cyrus-edge-worker/backup/backup';
import { openEmptyDatabase } from 'cyrus-edge-worker/backup/open-empty-database';
import { restore, unfinishedName } from 'cyrus-edge-worker/backup/restore';
import { waitingFiles } from 'cyrus-edge-worker/broker/waiting-files';
import { createKnownSecretsMask } from 'cyrus-edge-worker/supervisor/redact';
import { silentLog } from 'cyrus-store/log';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test } from 'vitest';

let directory: string;
let from: TestDatabase;
let to: TestDatabase;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cyrus-backup-'));
  [from, to] = [await testDatabase(), await testDatabase({ migrated: false })];
});
afterEach(async () => {
  await Promise.all([from.stop(), to.stop()]);
  await rm(directory, { recursive: true, force: true });
});

const secret = 'configured-secret-value';

async function write(home: string): Promise<Buffer> {
  const large = randomBytes(20 * 1024 * 1024);
  await mkdir(join(home, 'conversations', 'a', 'deep'), { recursive: true });
  await mkdir(join(home, 'logs', 'attempts'), { recursive: true });
  await writeFile(join(home, 'conversations', 'a', 'deep', 'large.jsonl'), large, { mode: 0o600 });
  await writeFile(join(home, 'conversations', 'a', 'empty'), '');
  await symlink('/etc/passwd', join(home, 'conversations', 'a', 'link'));
  await writeFile(join(home, 'logs', 'attempts', 'attempt-1.ndjson'), '{"seq":1}\n');
  await writeFile(join(home, 'config.json'), JSON.stringify({ linear: { token: secret, apiUrl: 'https://linear.test' } }));
  return large;
}

const backUp = (home: string, file: string, progress: string[] = []) =>
  backup({
    home,
    configFile: join(home, 'config.json'),
    connection: from.connection,
    file,
    version: '1.2.3',
    clock: systemClock,
    mask: createKnownSecretsMask([secret]),
    onProgress: (line) => progress.push(line),
  });

const restoreTo = (home: string, file: string, database: TestDatabase = to) =>
  restore({
    home,
    configFile: join(home, 'config.json'),
    file,
    clock: systemClock,
    openDatabase: () => openEmptyDatabase({ home, config: { database: { url: database.url } }, clock: systemClock, log: silentLog }),
    onProgress: () => undefined,
  });

test('a database of a hundred thousand rows and the files of a home, into another database and home', async () => {
  const [home, other, file] = [join(directory, 'home'), join(directory, 'other'), join(directory, 'file')];
  const large = await write(home);
  await from.db.query(`insert into cyrus.event (number, type, payload) select n, 'message', jsonb_build_object('text', repeat('ordinary words ', 20) || n)
    from generate_series(1, 100000) n`);
  await from.db.query(`insert into cyrus.event (type, payload) values ('leak', jsonb_build_object('text', $1::text))`, [`the ${secret}!`]);
  const progress: string[] = [];
  const began = performance.now();
  const made = await backUp(home, file, progress);
  const backedUp = performance.now();
  const restored = await restoreTo(other, file);
  const done = performance.now();
  console.info(
    `${made.rows} rows: ${(made.bytes / 1024 / 1024).toFixed(1)} MB (20 MB of it noise) in ${Math.round(backedUp - began)} ms, restored in ${Math.round(done - backedUp)} ms\n${progress.join('\n')}`,
  );
  expect(made.left).toEqual(['linear.token']);
  expect(restored).toMatchObject({ rows: made.rows, files: 3, repositories: 0 });
  expect((await readFile(join(other, 'conversations', 'a', 'deep', 'large.jsonl'))).equals(large)).toBe(true);
  expect((await stat(join(other, 'conversations', 'a', 'empty'))).size).toBe(0);
  await expect(stat(join(other, 'conversations', 'a', 'link'))).rejects.toThrow(/ENOENT/);
  expect(await readFile(join(other, 'logs', 'attempts', 'attempt-1.ndjson'), 'utf8')).toBe('{"seq":1}\n');
  expect(JSON.parse(await readFile(join(other, 'config.json'), 'utf8'))).toEqual({ linear: { apiUrl: 'https://linear.test' } });
  const { rows } = await to.db.query<{ n: number; leak: string }>(
    `select count(*) as n, max(payload ->> 'text') filter (where type = 'leak') as leak from cyrus.event`,
  );
  expect(rows).toEqual([{ n: 100_001, leak: 'the [redacted]!' }]);
});

test('a file that waits to be uploaded is there after a restore, and prompts of one’s own', async () => {
  const [home, other, file] = [join(directory, 'home'), join(directory, 'other'), join(directory, 'file')];
  await mkdir(join(home, 'prompts'), { recursive: true });
  await writeFile(join(home, 'prompts', 'builder.md'), 'Build.');
  const name = await waitingFiles(join(home, 'uploads')).keep(Buffer.from('a picture'), 'write-1');
  await backUp(home, file);
  await restoreTo(other, file);
  expect(String(await waitingFiles(join(other, 'uploads')).read(name))).toBe('a picture');
  expect((await stat(join(other, 'uploads', name))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(other, 'prompts', 'builder.md'), 'utf8')).toBe('Build.');
});

test('a database that is in use is refused, and what was begun is named', async () => {
  const [home, other, file] = [join(directory, 'home'), join(directory, 'other'), join(directory, 'file')];
  await write(home);
  await backUp(home, file);
  await from.db.query(`insert into cyrus.event (type) values ('something')`);
  await expect(restoreTo(other, file, from)).rejects.toThrow(/already holds data of Cyrus \(event\)/);
  // Files are in place by then: the next try is told so.
  expect(await stat(join(other, unfinishedName))).toBeDefined();
  await expect(restoreTo(other, file)).rejects.toThrow(/An earlier restore into .* did not finish/);
});
