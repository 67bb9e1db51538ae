import type { Evidence as GitEvidence } from 'cyrus-checkouts/evidence';
import type { Evidence } from 'cyrus-core/domain/plan';

/** What git says of some work, as it is kept of an attempt. */
export function evidenceOf({ commits, files, totals, submodules }: GitEvidence): Evidence {
  return {
    commits: commits.map(({ sha, subject }) => ({ sha, subject })),
    files: files.map(({ path, status, insertions = 0, deletions = 0 }) => ({ path, status, insertions, deletions })),
    insertions: totals.insertions,
    deletions: totals.deletions,
    ...(submodules.length === 0 ? {} : { submodules }),
  };
}
