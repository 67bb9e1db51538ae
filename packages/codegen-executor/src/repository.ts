import type { Clock } from 'cyrus-core/clock';
import { err, ok, type Result } from 'cyrus-core/result';
import type { RemoteWork } from 'cyrus-executor-interface/executor';
import { type CallFailure, type CodegenClient, pageSize } from './client.ts';
import type { CodegenRepository } from './payload.ts';

/** Finds the service's number of a repository. */
export type FindRepository = (remote: RemoteWork | undefined) => Promise<Result<number | undefined, CallFailure>>;

/** The list is read again after this, and for a name that was not in it. */
const keptMs = 10 * 60_000;
const mostPages = 10;

/** @param mapped numbers from the configuration, by name */
export function createFindRepository(client: CodegenClient, clock: Clock, mapped: Readonly<Record<string, number>>): FindRepository {
  const known = new Map(Object.entries(mapped).map(([name, id]) => [name.toLowerCase(), id]));
  let kept: { readonly at: number; readonly repositories: readonly CodegenRepository[] } | undefined;

  async function list(): Promise<Result<readonly CodegenRepository[], CallFailure>> {
    const all: CodegenRepository[] = [];
    for (let page = 0; page < mostPages; page++) {
      const listed = await client.repositories(page * pageSize);
      if (!listed.ok) return listed;
      all.push(...listed.value.items);
      if (listed.value.items.length < pageSize) break;
    }
    kept = { at: clock.now(), repositories: all };
    return ok(all);
  }

  return async (remote) => {
    if (!remote) return ok(undefined);
    const name = nameOf(remote);
    const own = known.get(name);
    if (own !== undefined) return ok(own);
    const among = (all: readonly CodegenRepository[]): CodegenRepository | undefined =>
      all.find((repository) => repository.full_name.toLowerCase() === name);
    const remembered = kept && clock.now() - kept.at < keptMs ? among(kept.repositories) : undefined;
    if (remembered) return ok(remembered.id);
    const listed = await list();
    if (!listed.ok) return listed;
    const found = among(listed.value);
    if (found) return ok(found.id);
    const there = listed.value.map((repository) => repository.full_name);
    const shown = there.length === 0 ? 'it has none' : `it has ${there.slice(0, 5).join(', ')}${there.length > 5 ? ', …' : ''}`;
    return err({
      status: 0,
      failure: {
        class: 'invalid_request',
        message: `Codegen's organisation has no repository ${name}: ${shown}.`,
        fix: `Install Codegen's GitHub app for it, or set codegen.repositories to {"${name}": its number in Codegen}.`,
      },
    });
  };
}

/** `acme/app`, lower case: names of repositories are compared without case. */
function nameOf({ repositoryName, repositoryUrl }: RemoteWork): string {
  const path = repositoryName ?? repositoryUrl.replace(/^\w+:\/\/[^/]+\//, '').replace(/^[^@]+@[^:]+:/, '');
  return path
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .split('/')
    .slice(-2)
    .join('/')
    .toLowerCase();
}
