import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { detectIsolation } from '../src/detect.ts';
import { fixFor } from '../src/detect-bubblewrap.ts';
import { noBubblewrap } from './hosts.ts';

describe('detectIsolation', () => {
  test.skipIf(noBubblewrap)('finds a bubblewrap that works', async () => {
    expect(await detectIsolation()).toMatchObject({ isolation: 'bwrap', bwrapPath: expect.stringMatching(/\/bwrap$/) });
  });

  test('without bubblewrap says how to get it', async () => {
    expect(await detectIsolation({ path: '/nowhere' })).toEqual({
      isolation: 'none',
      detail: 'bubblewrap is not installed.',
      fix: expect.stringContaining('apt-get install bubblewrap'),
    });
  });

  test('a bubblewrap that is refused its namespaces is not used, and its words are passed on', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'detect-'));
    const words = 'bwrap: setting up uid map: Permission denied';
    await writeFile(join(directory, 'bwrap'), `#!/bin/sh\necho '${words}' >&2\nexit 1\n`);
    await chmod(join(directory, 'bwrap'), 0o755);
    const report = await detectIsolation({ path: directory });
    await rm(directory, { recursive: true });
    expect(report).toMatchObject({ isolation: 'none', detail: expect.stringContaining(words), fix: expect.stringContaining('AppArmor') });
  });

  test('can be switched off', async () => {
    expect((await detectIsolation({ force: 'none' })).isolation).toBe('none');
  });

  test('what is asked for and does not work is not replaced by something else', async () => {
    const container = await detectIsolation({ force: 'container', path: '/nowhere', container: { engine: 'docker' } });
    expect(container).toEqual({
      isolation: 'none',
      detail: 'No container engine works here. Containers: docker is not installed.',
      fix: expect.stringContaining('Podman'),
    });
    expect(await detectIsolation({ force: 'seatbelt' })).toMatchObject({ isolation: 'none', detail: 'There is no seatbelt on linux.' });
  });

  test('an engine that does not answer is told with its own words', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'detect-'));
    await writeFile(join(directory, 'podman'), '#!/bin/sh\necho "Error: no storage" >&2\nexit 125\n', { mode: 0o755 });
    const { isolation, detail } = await detectIsolation({ path: directory });
    expect({ isolation, detail }).toEqual({
      isolation: 'none',
      detail: `bubblewrap is not installed. Containers: ${directory}/podman: Error: no storage.`,
    });
    await rm(directory, { recursive: true });
  });
});

test.each([
  ["bwrap: Can't mount proc on /newroot/proc: Operation not permitted", 'container'],
  ['bwrap: No permissions to create new namespace, likely because the kernel does not allow non-privileged user namespaces', 'AppArmor'],
  ['bwrap: Unknown option --json-status-fd', 'Update'],
])('%s', (complaint, fix) => expect(fixFor(complaint)).toContain(fix));
