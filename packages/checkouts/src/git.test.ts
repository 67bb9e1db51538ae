import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import { expect, test } from 'vitest';
import { createGit } from './git.ts';
import { writeHostFiles } from './host-files.ts';

test('a git that somebody killed says nothing about the repository: worth another try', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-git-'));
  try {
    const binary = join(directory, 'git');
    await writeFile(binary, '#!/bin/sh\nkill -KILL $$\n');
    await chmod(binary, 0o755);
    const git = createGit({ clock: systemClock, files: await writeHostFiles(join(directory, 'host')), runId: 'git-test', binary });
    const failure = await git.run({ did: 'make the mirror', args: ['init'] }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FailureError);
    expect((failure as FailureError).failure).toMatchObject({
      class: 'sandbox_lost',
      message: 'Could not make the mirror: git was killed.',
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
