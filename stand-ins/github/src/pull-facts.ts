import { git, mergedTree } from './bare.ts';
import type { PullFacts } from './bodies/pull.ts';
import type { Pull, Repository } from './world.ts';

/** The commits a pull request compares: what its base and head had in common, and its head. */
export async function pullRange(repository: Repository, pull: Pull): Promise<{ readonly from: string; readonly to: string }> {
  const from = await git(repository.directory, ['merge-base', pull.baseSha, pull.headSha]).catch(() => pull.baseSha);
  return { from, to: pull.headSha };
}

export async function pullFacts(repository: Repository, pull: Pull): Promise<PullFacts> {
  const { from, to } = await pullRange(repository, pull);
  const [commits, numstat] = await Promise.all([
    git(repository.directory, ['rev-list', '--count', `${from}..${to}`]),
    git(repository.directory, ['diff', '--numstat', '--no-ext-diff', '--no-textconv', from, to]),
  ]);
  let additions = 0;
  let deletions = 0;
  const lines = numstat.split('\n').filter(Boolean);
  for (const line of lines) {
    const [added, deleted] = line.split('\t');
    additions += Number(added) || 0;
    deletions += Number(deleted) || 0;
  }
  const known = pull.mergeable?.pair === pairOf(pull) ? pull.mergeable.value : null;
  return { commits: Number(commits), additions, deletions, changedFiles: lines.length, mergeable: known };
}

const pairOf = (pull: Pull): string => `${pull.baseSha}:${pull.headSha}`;

/** Starts finding out whether the two ends merge, unless that is known; the answer is there for a later read. */
export async function computeMergeable(repository: Repository, pull: Pull): Promise<void> {
  const pair = pairOf(pull);
  if (pull.mergeable?.pair === pair) return;
  const tree = await mergedTree(repository.directory, pull.baseSha, pull.headSha).catch(() => undefined);
  pull.mergeable = { pair, value: tree !== undefined };
}
