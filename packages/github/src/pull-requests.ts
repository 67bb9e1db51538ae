import type { Octokit, RestEndpointMethodTypes } from '@octokit/rest';
import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';
import type { CodeHost, EnsuredPullRequest, EnsurePullRequest, FindPullRequest, PullRequest } from './code-host.ts';
import type { Connection } from './connection.ts';
import { fullName } from './repository.ts';
import { newBody, renewedBody, wroteTitle } from './section.ts';
import { cleanTitle, markedId } from './text.ts';

type Listed = RestEndpointMethodTypes['pulls']['list']['response']['data'][number];
type Full = RestEndpointMethodTypes['pulls']['get']['response']['data'];

function pullRequest(pull: Listed | Full): PullRequest {
  const planId = markedId(pull.body, 'plan');
  const mergeable = 'mergeable' in pull ? pull.mergeable : null;
  return {
    number: pull.number,
    url: pull.html_url,
    title: pull.title,
    body: pull.body ?? '',
    state: pull.merged_at ? 'merged' : pull.state === 'open' ? 'open' : 'closed',
    draft: pull.draft ?? false,
    head: pull.head.ref,
    headSha: pull.head.sha,
    base: pull.base.ref,
    ...(pull.merged_at && pull.merge_commit_sha ? { mergeCommitSha: pull.merge_commit_sha } : {}),
    ...(mergeable === null ? {} : { mergeable }),
    ...(planId === undefined ? {} : { planId }),
  };
}

/** `owner:branch`, the only form by which the host finds a head. */
const qualified = (head: string, owner: string): string => (head.includes(':') ? head : `${owner}:${head}`);

/** Which of the pull requests of one head is the plan's. Pure; they come newest first. */
export function choosePullRequest(found: readonly PullRequest[], planId: string | undefined): PullRequest | undefined {
  // The host allows one open pull request per head and base: whoever opened it, it is the one there can be.
  const ours = (pull: PullRequest): boolean => planId === undefined || pull.planId === undefined || pull.planId === planId;
  const open = found.filter((pull) => pull.state === 'open');
  return (
    found.find((pull) => planId !== undefined && pull.planId === planId && pull.state === 'open') ??
    open.find(ours) ??
    open[0] ??
    found.find((pull) => planId !== undefined && pull.planId === planId) ??
    found.find(ours)
  );
}

export async function findPullRequest(connection: Connection, request: FindPullRequest): Promise<Result<PullRequest | undefined, Failure>> {
  const { repository, planId } = request;
  const head = qualified(request.head, repository.owner);
  const listed = await connection.call(`looking for the pull request of ${head}`, (octokit) =>
    octokit.rest.pulls.list({
      owner: repository.owner,
      repo: repository.name,
      state: 'all',
      head,
      sort: 'created',
      direction: 'desc',
      per_page: 100,
      ...(request.base === undefined ? {} : { base: request.base }),
    }),
  );
  if (!listed.ok) return listed;
  // A head the host cannot read as `owner:branch` is ignored by it, and the list holds other branches.
  const branch = head.slice(head.indexOf(':') + 1);
  const found = listed.value.map(pullRequest).filter((pull) => pull.head === branch);
  return ok(choosePullRequest(found, planId));
}

const lookupsAfterRefusal = 3;
const lookupPauseMs = 500;
const alreadyExists = /pull request already exists for ([^\s:]+:.+?)\.(?:$|;)/i;

export async function ensurePullRequest(connection: Connection, request: EnsurePullRequest): Promise<Result<EnsuredPullRequest, Failure>> {
  const { repository, head, base, planId } = request;
  const find = (by: string = head) => findPullRequest(connection, { repository, head: by, planId });
  const existing = await find();
  if (!existing.ok) return existing;
  if (existing.value) return ok({ ...existing.value, created: false });
  if (request.signal?.aborted) return err({ class: 'network', message: 'Stopped before the pull request was opened.' });
  const made = await connection.call(`opening the pull request of ${head} in ${fullName(repository)}`, (octokit) =>
    octokit.rest.pulls.create({
      owner: repository.owner,
      repo: repository.name,
      head,
      base,
      title: cleanTitle(request.title),
      body: newBody({ planId, title: request.title, text: request.body }),
      draft: request.draft ?? false,
    }),
  );
  if (made.ok) return ok({ ...pullRequest(made.value), created: true });
  const taken = made.error.class === 'invalid_request' ? alreadyExists.exec(made.error.message)?.[1] : undefined;
  if (made.error.class !== 'network' && taken === undefined) return made;
  // Either somebody was faster, or the answer was lost: the pull request may be there. Lists can lag behind a write by a moment.
  for (let lookup = 1; lookup <= lookupsAfterRefusal; lookup += 1) {
    const again = await find(taken);
    if (again.ok && again.value) return ok({ ...again.value, created: false });
    if (!again.ok && again.error.class !== 'network') return again;
    if (made.error.class === 'network') break;
    await connection.clock.sleep(lookupPauseMs * lookup);
  }
  return err(made.error);
}

export async function getPullRequest(
  connection: Connection,
  { repository, number }: Parameters<CodeHost['getPullRequest']>[0],
): Promise<Result<PullRequest, Failure>> {
  const got = await connection.call(`reading ${fullName(repository)}#${number}`, (octokit) =>
    octokit.rest.pulls.get({ owner: repository.owner, repo: repository.name, pull_number: number }),
  );
  return got.ok ? ok(pullRequest(got.value)) : got;
}

const pageSize = 100;
const pagesAtMost = 5;

export async function listOpenPullRequests(
  connection: Connection,
  { repository, oldest }: Parameters<CodeHost['listOpenPullRequests']>[0],
): Promise<Result<readonly number[], Failure>> {
  const numbers: number[] = [];
  for (let page = 1; page <= pagesAtMost; page += 1) {
    const listed = await connection.call(`listing the open pull requests of ${fullName(repository)}`, (octokit) =>
      octokit.rest.pulls.list({
        ...{ owner: repository.owner, repo: repository.name, state: 'open', sort: 'created', direction: 'desc' },
        ...{ per_page: pageSize, page },
      }),
    );
    if (!listed.ok) return listed;
    const found = listed.value.map(({ number }) => number);
    numbers.push(...found);
    if (found.length < pageSize || found.some((number) => number < oldest)) break;
  }
  return ok(numbers);
}

export async function renewPullRequest(
  connection: Connection,
  request: Parameters<CodeHost['renewPullRequest']>[0],
): Promise<Result<PullRequest, Failure>> {
  const { repository, number, planId } = request;
  const read = await getPullRequest(connection, { repository, number });
  if (!read.ok) return read;
  const pull = read.value;
  const body = renewedBody(pull.body, { planId, title: wroteTitle(pull) ? request.title : '', text: request.body });
  if (body === undefined) return read;
  const title = wroteTitle(pull) ? cleanTitle(request.title) : pull.title;
  if (body === pull.body && title === pull.title) return read;
  const updated = await connection.call(`bringing ${fullName(repository)}#${number} up to date`, (octokit) =>
    octokit.rest.pulls.update({
      owner: repository.owner,
      repo: repository.name,
      pull_number: number,
      ...(title === pull.title ? {} : { title }),
      ...(body === pull.body ? {} : { body }),
    }),
  );
  return updated.ok ? ok(pullRequest(updated.value)) : updated;
}

export async function closePullRequest(
  connection: Connection,
  { repository, number }: Parameters<CodeHost['closePullRequest']>[0],
): Promise<Result<PullRequest, Failure>> {
  const read = await getPullRequest(connection, { repository, number });
  if (!read.ok || read.value.state !== 'open') return read;
  const closed = await connection.call(`closing ${fullName(repository)}#${number}`, (octokit) =>
    octokit.rest.pulls.update({ owner: repository.owner, repo: repository.name, pull_number: number, state: 'closed' }),
  );
  return closed.ok ? ok(pullRequest(closed.value)) : closed;
}

const readyMutation = `mutation ($id: ID!) {
  markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } }
}`;

export async function markReady(
  connection: Connection,
  { repository, number }: Parameters<CodeHost['markReady']>[0],
): Promise<Result<PullRequest, Failure>> {
  const where = { owner: repository.owner, repo: repository.name, pull_number: number };
  const read = await connection.call(`reading ${fullName(repository)}#${number}`, (octokit) => octokit.rest.pulls.get(where));
  if (!read.ok) return read;
  const { node_id: id, draft, state } = read.value;
  if (!draft || state !== 'open') return ok(pullRequest(read.value));
  const doing = `marking ${fullName(repository)}#${number} as ready for review`;
  // REST has no call for it; refusals come with status 200.
  const marked = await connection.call(doing, async (octokit) => ({
    data: (await octokit.request('POST /graphql', { baseUrl: graphqlBase(octokit), query: readyMutation, variables: { id } })).data as {
      readonly errors?: readonly { readonly type?: string; readonly message?: string }[];
    },
  }));
  if (!marked.ok) return marked;
  const [problem] = marked.value.errors ?? [];
  if (problem?.type === 'RATE_LIMITED')
    return err({
      class: 'rate_limited',
      message: `GitHub's rate limit was reached while ${doing}.`,
      fix: 'Nothing: it goes on by itself.',
    });
  if (problem)
    return err({
      class: problem.type === 'FORBIDDEN' ? 'auth' : 'invalid_request',
      message: `GitHub refused ${doing}: ${problem.message ?? 'no reason given'}`,
      fix: 'Mark it as ready by hand, or give the token the permission pull requests: write.',
    });
  return ok({ ...pullRequest(read.value), draft: false });
}

/** On an Enterprise Server GraphQL is beside the REST API, not below it. */
const graphqlBase = (octokit: Octokit): string => String(octokit.request.endpoint.DEFAULTS.baseUrl).replace(/\/api\/v3$/, '/api');
