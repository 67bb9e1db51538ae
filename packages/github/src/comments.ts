import type { Failure } from 'cyrus-core/failure';
import { ok, type Result } from 'cyrus-core/result';
import type { CodeHost } from './code-host.ts';
import type { Connection } from './connection.ts';
import { fullName, type RepositoryRef } from './repository.ts';
import { markedBody, markedId } from './text.ts';

type Written = { readonly id: number; readonly url: string; readonly created: boolean };

const pageSize = 100;

async function findComment(
  connection: Connection,
  repository: RepositoryRef,
  number: number,
  key: string,
): Promise<Result<Written | undefined, Failure>> {
  for (let page = 1; ; page += 1) {
    const listed = await connection.call(`reading the comments of ${fullName(repository)}#${number}`, (octokit) =>
      octokit.rest.issues.listComments({ owner: repository.owner, repo: repository.name, issue_number: number, per_page: pageSize, page }),
    );
    if (!listed.ok) return listed;
    const found = listed.value.find((comment) => markedId(comment.body, 'comment') === key);
    if (found) return ok({ id: Number(found.id), url: found.html_url, created: false });
    if (listed.value.length < pageSize) return ok(undefined);
  }
}

export async function comment(connection: Connection, request: Parameters<CodeHost['comment']>[0]): Promise<Result<Written, Failure>> {
  const { repository, number, key } = request;
  const find = () => findComment(connection, repository, number, key);
  const existing = await find();
  if (!existing.ok) return existing;
  if (existing.value) return ok(existing.value);
  const made = await connection.call(`commenting on ${fullName(repository)}#${number}`, (octokit) =>
    octokit.rest.issues.createComment({
      owner: repository.owner,
      repo: repository.name,
      issue_number: number,
      body: markedBody(request.body, 'comment', key),
    }),
  );
  if (made.ok) return ok({ id: Number(made.value.id), url: made.value.html_url, created: true });
  if (made.error.class !== 'network') return made;
  const again = await find();
  return again.ok && again.value ? ok(again.value) : made;
}
