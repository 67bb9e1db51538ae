import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from './log.ts';
import { openLogFile } from './log-file.ts';
import { createRedact } from './supervisor/redact.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cyrus-log-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const sizes = (): Record<string, number> =>
  Object.fromEntries(readdirSync(directory).map((name) => [name, statSync(join(directory, name)).size]));

test('whatever is written, so many files of so many bytes are all there is, the newest lines in them', () => {
  const log = openLogFile({ path: join(directory, 'x.log'), maxBytes: 1_000, files: 3 });
  for (let n = 0; n < 1_000; n++) log.write(`${String(n).padStart(9, '0')}\n`);
  log.close();
  expect(sizes()).toEqual({ 'x.log': 1_000, 'x.log.1': 1_000, 'x.log.2': 1_000 });
  expect(readFileSync(join(directory, 'x.log'), 'utf8').slice(-10)).toBe('000000999\n');
  expect(statSync(join(directory, 'x.log')).mode & 0o777).toBe(0o600);
});

test('a second start goes on in the same file; a single file is bounded as well', () => {
  for (const text of ['one\n', 'two\n']) {
    const log = openLogFile({ path: join(directory, 'x.log'), maxBytes: 100, files: 2 });
    log.write(text);
    log.close();
  }
  expect(readFileSync(join(directory, 'x.log'), 'utf8')).toBe('one\ntwo\n');
  const single = openLogFile({ path: join(directory, 'y.log'), maxBytes: 10, files: 1 });
  for (let n = 0; n < 9; n++) single.write('123456789\n');
  single.close();
  expect(sizes()).toMatchObject({ 'y.log': 10 });
});

test('a disk that takes nothing costs lines and nothing else', () => {
  const log = openLogFile({ path: '/dev/full', maxBytes: 1_000_000, files: 2 });
  log.write('lost\n');
  log.write('lost\n');
  log.close();
  const nowhere = openLogFile({ path: '/dev/null/none/x.log', maxBytes: 10, files: 2 });
  nowhere.write('lost\n');
  expect(readdirSync(directory)).toEqual([]);
});

test('the service’s log has its lines without secrets', () => {
  const log = createLog(directory, 'info', createRedact(['the-secret-value']), { maxMb: 1, files: 2 });
  log.info({ token: 'the-secret-value', url: 'https://me:hunter22@host/x' }, 'with ghp_0123456789abcdefghijABCDEFGHIJ012345');
  log.flush();
  const text = readFileSync(join(directory, 'logs', 'cyrus.log'), 'utf8');
  expect(text).not.toMatch(/the-secret-value|hunter22|ghp_0123/);
  expect(JSON.parse(text)).toMatchObject({ level: 30, token: '[redacted]' });
});
