import { isAncestor } from './bare.ts';
import { announcePull, announcePush } from './hooks.ts';
import { type Account, fullName, type PushRecord, type Repository, type Site, timestamp, zeroSha } from './world.ts';

export interface RefChange {
  readonly ref: string;
  readonly old: string;
  readonly new: string;
}

/** Everything that follows from moved refs: the log, the webhooks, and open pull requests that move, close or turn out merged. */
export async function applyRefChanges(
  site: Site,
  repository: Repository,
  changes: readonly RefChange[],
  by: Account,
  via: PushRecord['via'],
): Promise<void> {
  for (const change of changes) {
    const at = timestamp();
    repository.pushedAt = at;
    const push: PushRecord = { at, by: by.login, via, repository: fullName(repository), ...change };
    site.pushes.push(push);
    await announcePush(site, repository, push, by);
    const branch = change.ref.startsWith('refs/heads/') ? change.ref.slice('refs/heads/'.length) : undefined;
    if (branch !== undefined) await movePulls(site, repository, branch, change, by);
  }
}

async function movePulls(site: Site, repository: Repository, branch: string, change: RefChange, by: Account): Promise<void> {
  for (const pull of repository.pulls.filter((candidate) => candidate.state === 'open')) {
    if (pull.head !== branch && pull.base !== branch) continue;
    const at = timestamp();
    if (change.new === zeroSha) {
      Object.assign(pull, { state: 'closed', closedAt: at, updatedAt: at });
      await announcePull(site, repository, pull, by, 'closed');
    } else if (pull.head === branch) {
      const before = pull.headSha;
      Object.assign(pull, { headSha: change.new, updatedAt: at });
      await announcePull(site, repository, pull, by, 'synchronize', { before, after: change.new });
    } else {
      const baseBefore = pull.baseSha;
      pull.baseSha = change.new;
      if (await isAncestor(repository.directory, pull.headSha, change.new)) {
        Object.assign(pull, { state: 'closed', closedAt: at, updatedAt: at, mergedAt: at, mergedBy: by, mergeCommitSha: change.new });
        pull.baseSha = baseBefore;
        await announcePull(site, repository, pull, by, 'closed');
      }
    }
  }
}
