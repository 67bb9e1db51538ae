import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tarOf } from './tar.ts';

test('the system’s tar unpacks it, whatever the lengths', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-tar-'));
  try {
    const entries = [
      { name: 'empty', content: '' },
      { name: 'one/block', content: 'x'.repeat(512) },
      { name: 'more', content: 'ä€'.repeat(1_001) },
    ];
    await writeFile(join(directory, 'all.tar'), tarOf(entries, 1_700_000_000_000));
    await promisify(execFile)('tar', ['-xf', 'all.tar'], { cwd: directory });
    for (const { name, content } of entries) expect(await readFile(join(directory, name), 'utf8')).toBe(content);
    expect((await stat(join(directory, 'more'))).mtimeMs).toBe(1_700_000_000_000);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a name that does not fit is an error, not another file', () => {
  expect(() => tarOf([{ name: 'n'.repeat(101), content: '' }], 0)).toThrow(/too long/);
});
