import { chmod, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findAgentBinary } from './agent-binary.ts';

let directory: string;
beforeAll(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'cyrus-binary-')));
  await writeFile(join(directory, 'real'), '#!/bin/sh\n');
  await chmod(join(directory, 'real'), 0o755);
  await symlink('real', join(directory, 'claude'));
  await writeFile(join(directory, 'plain'), 'not executable');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const none = (): undefined => undefined;

test('a configured binary is the only one considered, its link resolved', async () => {
  expect(await findAgentBinary({ binaryPath: join(directory, 'claude'), searchPath: '' })).toEqual({
    ok: true,
    value: join(directory, 'real'),
  });
  const missing = await findAgentBinary({ binaryPath: join(directory, 'nope'), searchPath: directory });
  expect(missing).toMatchObject({
    ok: false,
    error: { class: 'missing_binary', message: expect.stringContaining('nope'), fix: expect.stringContaining('npm install') },
  });
});

test('a file that cannot be executed is missing; a directory too', async () => {
  for (const binaryPath of [directory, ...(process.getuid?.() === 0 ? [] : [join(directory, 'plain')])]) {
    expect(await findAgentBinary({ binaryPath, searchPath: '' })).toMatchObject({ ok: false });
  }
});

test('without configuration: the packaged one, else claude on the PATH, else missing', async () => {
  expect(await findAgentBinary({ searchPath: '' })).toMatchObject({ ok: true, value: expect.stringMatching(/claude-agent-sdk-.*claude$/) });
  expect(await findAgentBinary({ searchPath: `/nonexistent:${directory}`, packaged: none })).toEqual({
    ok: true,
    value: join(directory, 'real'),
  });
  expect(await findAgentBinary({ searchPath: '/nonexistent', packaged: none })).toMatchObject({
    ok: false,
    error: { class: 'missing_binary' },
  });
});
