import type { Instant } from 'cyrus-core/clock';
import type { Mirror } from './mirror.ts';

/** Work that the mirror keeps under a name of ours. */
export interface SavedWork {
  /** `refs/cyrus/wip/<attempt>`, `refs/cyrus/own/<attempt>` or `refs/cyrus/merged/<sha>`. */
  readonly ref: string;
  readonly sha: string;
  /** Its last component: an attempt, or a commit. */
  readonly name: string;
  /** A branch of the remote holds it, as of the last fetch. */
  readonly onRemote: boolean;
  readonly committedAt: Instant;
}

const places = ['refs/cyrus/wip/', 'refs/cyrus/own/', 'refs/cyrus/merged/'];
/** As many arguments as every system takes. */
const mostBranches = 500;

/** Everything that is saved in a mirror. */
export async function listSaved(mirror: Mirror): Promise<SavedWork[]> {
  const list = async (...args: string[]): Promise<string[]> => {
    const { stdout } = await mirror.git.run({ did: 'list saved work', gitDir: mirror.directory, args: ['for-each-ref', ...args] });
    return stdout.split('\n').filter((line) => line !== '');
  };
  const branches = await list('--format=%(objectname)', 'refs/remotes/origin/');
  const heads = [...new Set(branches)];
  const merged = new Set<string>();
  for (let at = 0; at < heads.length; at += mostBranches) {
    const some = heads.slice(at, at + mostBranches).map((sha) => `--merged=${sha}`);
    for (const ref of await list(...some, '--format=%(refname)', ...places)) merged.add(ref);
  }
  return (await list('--format=%(objectname) %(committerdate:unix) %(refname)', ...places)).map((line) => {
    const [sha = '', seconds = '0', ref = ''] = line.split(' ');
    return { ref, sha, name: ref.split('/').at(-1) ?? '', onRemote: merged.has(ref), committedAt: Number(seconds) * 1000 };
  });
}

/** Drops the names of saved work, each only if it is still what was listed. */
export async function dropSaved(mirror: Mirror, saved: readonly SavedWork[]): Promise<void> {
  for (const { ref, sha } of saved)
    await mirror.git.run({ did: `drop ${ref}`, gitDir: mirror.directory, args: ['update-ref', '-d', '--', ref, sha], answers: [1, 128] });
}

/** What the objects of a mirror take on the disk, and how much of that leads nowhere any more. */
export async function readWeight(mirror: Mirror): Promise<{ readonly bytes: number; readonly wasteBytes: number }> {
  const git = (did: string, args: readonly string[]) =>
    mirror.git.run({ did, gitDir: mirror.directory, args, background: true, timeoutMs: 15 * 60_000 });
  const counted = (await git('count the objects', ['count-objects', '-v'])).stdout;
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(counted)?.[1] ?? 0);
  const bytes = (kilobytes('size') + kilobytes('size-pack') + kilobytes('size-garbage')) * 1024;
  const used = Number((await git('weigh the objects', ['rev-list', '--objects', '--all', '--disk-usage'])).stdout.trim()) || 0;
  return { bytes, wasteBytes: Math.max(0, bytes - used) };
}
