import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { currentGeneration, makeMirror } from 'cyrus-checkouts/generation';
import { createGit, type Git } from 'cyrus-checkouts/git';
import { writeHostFiles } from 'cyrus-checkouts/host-files';
import type { Clock } from 'cyrus-core/clock';

const hourMs = 3_600_000;
const ours = 'refs/cyrus/';

/** Git for a command beside a running service: named apart, so that neither ends the other's. */
export async function besideGit(home: string, clock: Clock): Promise<Git> {
  const files = await writeHostFiles(join(home, 'repos', '.git-host'));
  return createGit({ clock, files, runId: `git-backup-${process.pid}` });
}

/** The mirrors of a home: name and directory. */
export async function listMirrors(home: string): Promise<readonly { readonly name: string; readonly directory: string }[]> {
  const place = join(home, 'repos');
  // `NAME.git`, or later generations of it when the first one is gone.
  const found = (await readdir(place).catch(() => [])).map((name) => /^([^.].*\.git)(?:\.g\d+)?$/.exec(name)?.[1]);
  const names = [...new Set(found.filter((name) => name !== undefined))];
  return Promise.all(names.sort().map(async (name) => ({ name, directory: await currentGeneration(join(place, name)) })));
}

/**
 * Writes what a mirror has that its remote has not, whole: with the history it stands on, so that it can be had without the
 * remote. Resolves with its bytes, or undefined when there is nothing of the kind.
 */
export async function bundleUnpushed(git: Git, directory: string, file: string): Promise<number | undefined> {
  const run = (did: string, args: readonly string[]) => git.run({ did, gitDir: directory, args, timeoutMs: hourMs, background: true });
  const unpushed = await run('look for work that is not on the remote', [
    ...['rev-list', '--max-count=1', `--glob=${ours}`, '--not', '--glob=refs/remotes/'],
  ]);
  if (unpushed.stdout === '') return undefined;
  await rm(file, { force: true });
  await run('bundle the work', ['bundle', 'create', '--quiet', file, `--glob=${ours}`]);
  return (await stat(file)).size;
}

/** Makes the mirror `name` of a home with what a bundle holds; the next fetch brings the rest. */
export async function unbundle(git: Git, home: string, name: string, file: string): Promise<void> {
  await mkdir(join(home, 'repos'), { recursive: true, mode: 0o700 });
  const directory = join(home, 'repos', name);
  const flags = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--no-recurse-submodules', '--refmap='];
  await makeMirror(git, directory, async (draft) => {
    await git.run({
      did: 'take the work out of the backup',
      gitDir: draft,
      args: ['fetch', ...flags, '--', file, `+${ours}*:${ours}*`],
      timeoutMs: hourMs,
      config: { 'protocol.file.allow': 'always', 'fetch.unpackLimit': '1' },
    });
  });
}
