import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createArchive, readArchive } from 'cyrus-edge-worker/backup/archive';
import { inParts } from 'cyrus-edge-worker/backup/backup';
import { configWithoutSecrets } from 'cyrus-edge-worker/backup/config-without-secrets';
import { afterEach, beforeEach, expect, test } from 'vitest';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cyrus-archive-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const long = `home/${'deep/'.repeat(60)}file with spaces é.jsonl`;

/** Nothing in it comes twice, so that a changed byte of the file is a changed byte of this. */
const large = Buffer.from(Array.from({ length: 2_000 }, (_, n) => createHash('sha256').update(String(n)).digest('base64')).join(''));

async function make(name = 'backup'): Promise<string> {
  const file = join(directory, name);
  const archive = await createArchive(file);
  await archive.add('manifest.json', '{}');
  await archive.add(long, large, 0o640);
  await archive.add('empty', '');
  await archive.finish();
  return file;
}

async function read(file: string): Promise<readonly { name: string; content: string; mode: number }[]> {
  const found: { name: string; content: string; mode: number }[] = [];
  for await (const { name, content, mode } of readArchive(file)) found.push({ name, content: content.toString('utf8'), mode });
  return found;
}

test('what goes in comes out, readable by its owner alone and by everybody’s tar', async () => {
  const file = await make();
  expect(await read(file)).toEqual([
    { name: 'manifest.json', content: '{}', mode: 0o600 },
    { name: long, content: large.toString('utf8'), mode: 0o640 },
    { name: 'empty', content: '', mode: 0o600 },
  ]);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const listed = execFileSync('tar', ['--quoting-style=literal', '-tzf', file], { encoding: 'utf8' });
  expect(listed.split('\n')).toEqual(['manifest.json', long, 'empty', 'end.json', '']);
});

test('until it is finished there is no file, and abandoned it leaves nothing', async () => {
  const file = join(directory, 'backup');
  const archive = await createArchive(file);
  await archive.add('a', 'b');
  await expect(stat(file)).rejects.toThrow(/ENOENT/);
  await archive.abandon();
  expect(execFileSync('ls', ['-A', directory], { encoding: 'utf8' })).toBe('');
});

test('a byte that changed, an end that is missing, another file: each is told', async () => {
  const file = await make();
  const whole = await readFile(file);
  for (let at = 0; at < whole.length - 8; at += Math.max(1, Math.floor(whole.length / 40))) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 0x55;
    await writeFile(file, changed);
    // The head of a gzip file has bytes that say nothing.
    if (at > 10) await expect(read(file), `byte ${at}`).rejects.toThrow(/is not a whole backup/);
    await writeFile(file, whole.subarray(0, at));
    await expect(read(file), `cut at ${at}`).rejects.toThrow(/is not a whole backup/);
  }
  await writeFile(file, 'something else');
  await expect(read(file)).rejects.toThrow(/is not a whole backup/);
  await expect(read(join(directory, 'none'))).rejects.toThrow(/cannot be read/);
});

test('a place that cannot be written is told', async () => {
  await expect(createArchive(join(directory, 'none', 'backup'))).rejects.toThrow(/cannot be written/);
});

test('rows go together until they are too large', () => {
  expect([...inParts(['aa', 'bb', 'cccc', 'd'], 4)]).toEqual([['aa', 'bb'], ['cccc'], ['d']]);
  expect([...inParts([], 4)]).toEqual([]);
});

test('a configuration is kept without its secrets, which are named', () => {
  const { config, left } = configWithoutSecrets({
    linear: { token: 'lin_oauth_x', webhookSecret: 's', apiUrl: 'https://x' },
    repositories: [{ id: 'app', githubToken: 'ghp_x', environmentVariables: { A: 'b' }, remoteUrl: 'https://x/y.git' }],
    database: { url: 'postgres://u:pw@h/d' },
    limits: { maxCostPerDayUsd: null },
  });
  expect(config).toEqual({
    linear: { apiUrl: 'https://x' },
    repositories: [{ id: 'app', environmentVariables: {}, remoteUrl: 'https://x/y.git' }],
    database: {},
    limits: { maxCostPerDayUsd: null },
  });
  expect(left).toEqual([
    'linear.token',
    'linear.webhookSecret',
    'repositories[0].githubToken',
    'repositories[0].environmentVariables.A',
    'database.url',
  ]);
});
