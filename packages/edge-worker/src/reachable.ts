import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Config } from 'cyrus-core/config/schema';
import { sourceOf } from './broker/repository-access.ts';

/** Why nothing outside this machine can get at a repository; null: it can. */
export type Unreachable = (repositoryId: string) => string | null;

/**
 * Tells which repositories are on this machine alone. The remote has to be looked up: it is known a moment after it was first asked for,
 * and until then it counts as one that can be reached.
 */
export function createUnreachable(config: () => Config, checkouts: Pick<Checkouts, 'mirror'>): Unreachable {
  const alone = new Map<string, boolean>();
  return (repositoryId) => {
    const source = sourceOf(config(), repositoryId);
    if (!source) return null;
    const key = `${repositoryId}\n${source.remoteUrl ?? source.repositoryPath}`;
    const known = alone.get(key);
    if (known === undefined) {
      const { token: _, ...bare } = source;
      void checkouts.mirror(bare).then(
        ({ remote }) => alone.set(key, remote.kind === 'local'),
        () => undefined,
      );
    }
    return known ? 'the repository has no remote' : null;
  };
}
