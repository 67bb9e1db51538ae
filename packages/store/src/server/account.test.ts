import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parsePasswd, reachable } from './account.ts';

test('accounts of a passwd file; never one with the uid of root', () => {
  const accounts = parsePasswd(
    'root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\n# note\nnobody:x:65534:65534::/:/bin/false\n\nbroken:x\n',
  );
  expect([...accounts]).toEqual([['nobody', 65_534]]);
});

test('an account reaches a directory only if it may pass every one above it', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'cyrus-account-'));
  const inner = path.join(root, 'a/b');
  await mkdir(inner, { recursive: true });
  const { uid, gid } = await stat(root);
  const stranger = { uid: 54_321, gid: 54_321, lent: false };
  await chmod(root, 0o755);
  expect(await reachable(inner, stranger)).toBe(true);
  await chmod(path.join(root, 'a'), 0o710);
  expect(await reachable(inner, stranger)).toBe(false);
  expect(await reachable(inner, { ...stranger, gid })).toBe(true);
  expect(await reachable(inner, { ...stranger, uid })).toBe(true);
  await rm(root, { recursive: true });
});
