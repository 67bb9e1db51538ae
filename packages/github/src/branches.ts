import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';
import type { CodeHost } from './code-host.ts';
import type { Connection } from './connection.ts';
import { fullName } from './repository.ts';

/** The host deletes by name alone: a branch that moves between the look and the deletion is the one that is meant, a moment later. */
export async function deleteBranch(
  connection: Connection,
  { repository, branch, sha }: Parameters<CodeHost['deleteBranch']>[0],
): Promise<Result<boolean, Failure>> {
  const where = { owner: repository.owner, repo: repository.name, ref: `heads/${branch}` };
  const found = await connection.attempt(`looking at the branch ${branch} of ${fullName(repository)}`, (octokit) =>
    octokit.rest.git.getRef(where),
  );
  if (!found.ok) return found.error.status === 404 ? ok(false) : err(found.error.failure);
  if (found.value.object.sha !== sha) return ok(false);
  const deleted = await connection.attempt(`deleting the branch ${branch} of ${fullName(repository)}`, async (octokit) => {
    await octokit.rest.git.deleteRef(where);
    return { data: true };
  });
  if (deleted.ok) return ok(true);
  // Somebody else was faster.
  return deleted.error.status === 422 || deleted.error.status === 404 ? ok(false) : err(deleted.error.failure);
}
