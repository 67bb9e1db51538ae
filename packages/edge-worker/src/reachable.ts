import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { RepositorySource } from 'cyrus-checkouts/remote';
import type { Config } from 'cyrus-core/config/schema';
import { sourceOf } from './broker/repository-access.ts';

/** Why nothing outside this machine can get at a repository; null: it can. */
export type Unreachable = (repositoryId: string) => string | null;

/**
 * Tells which repositories are on this machine alone. The remote has to be looked up: it is known a moment after it was first asked for,
 * and until then it counts as one that can be reached. `lookUp` resolves once that is done for those of the configuration.
 */
export function createUnreachable(
  config: () => Config,
  checkouts: Pick<Checkouts, 'mirror'>,
): { readonly unreachable: Unreachable; readonly lookUp: () => Promise<void> } {
  const alone = new Map<string, boolean>();
  async function look(source: RepositorySource, key: string): Promise<void> {
    const { token: _, ...bare } = source;
    await checkouts.mirror(bare).then(
      ({ remote }) => alone.set(key, remote.kind === 'local'),
      () => undefined,
    );
  }
  const keyOf = ({ id, remoteUrl, repositoryPath }: RepositorySource): string => `${id}\n${remoteUrl ?? repositoryPath}`;
  return {
    unreachable(repositoryId) {
      const source = sourceOf(config(), repositoryId);
      if (!source) return null;
      const key = keyOf(source);
      const known = alone.get(key);
      if (known === undefined) void look(source, key);
      return known ? 'the repository has no remote' : null;
    },
    async lookUp() {
      const sources = config().repositories.flatMap(({ id }) => sourceOf(config(), id) ?? []);
      await Promise.all(sources.map((source) => look(source, keyOf(source))));
    },
  };
}
