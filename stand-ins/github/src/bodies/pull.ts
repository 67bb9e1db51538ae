import { fullName, type Pull, type Repository } from '../world.ts';
import { simpleUser } from './account.ts';
import { apiUrl, htmlUrl, repositoryBody } from './repository.ts';
import { nodeId, type Schemas } from './schemas.ts';

/** By what GraphQL knows it. */
export const pullNodeId = (pull: Pull): string => nodeId('PR', pull.id);

/** What has to be asked of git to describe a pull request in full. */
export interface PullFacts {
  readonly commits: number;
  readonly additions: number;
  readonly deletions: number;
  readonly changedFiles: number;
  /** null: still being computed. */
  readonly mergeable: boolean | null;
}

export const pullHtmlUrl = (siteUrl: string, repository: Repository, number: number): string =>
  `${htmlUrl(siteUrl, repository)}/pull/${number}`;

/** What the short and the full form have in common. */
function common(siteUrl: string, repository: Repository, pull: Pull) {
  const api = apiUrl(siteUrl, repository);
  const html = pullHtmlUrl(siteUrl, repository, pull.number);
  const links = {
    self: `${api}/pulls/${pull.number}`,
    html,
    issue: `${api}/issues/${pull.number}`,
    comments: `${api}/issues/${pull.number}/comments`,
    review_comments: `${api}/pulls/${pull.number}/comments`,
    review_comment: `${api}/pulls/comments{/number}`,
    commits: `${api}/pulls/${pull.number}/commits`,
    statuses: `${api}/statuses/${pull.headSha}`,
  };
  const end = (branch: string, sha: string) => ({
    label: `${repository.owner.login}:${branch}`,
    ref: branch,
    sha,
    user: simpleUser(siteUrl, repository.owner),
    repo: repositoryBody(siteUrl, repository),
  });
  const link = (href: string): Schemas['link'] => ({ href });
  return {
    url: links.self,
    id: pull.id,
    node_id: pullNodeId(pull),
    html_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    issue_url: links.issue,
    commits_url: links.commits,
    review_comments_url: links.review_comments,
    review_comment_url: links.review_comment,
    comments_url: links.comments,
    statuses_url: links.statuses,
    number: pull.number,
    state: pull.state,
    locked: false,
    active_lock_reason: null,
    title: pull.title,
    user: simpleUser(siteUrl, pull.author),
    body: pull.body,
    labels: [],
    milestone: null,
    created_at: pull.createdAt,
    updated_at: pull.updatedAt,
    closed_at: pull.closedAt,
    merged_at: pull.mergedAt,
    merge_commit_sha: pull.mergeCommitSha,
    assignee: null,
    assignees: [],
    requested_reviewers: [],
    requested_teams: [],
    head: end(pull.head, pull.headSha),
    base: end(pull.base, pull.baseSha),
    _links: {
      self: link(links.self),
      html: link(links.html),
      issue: link(links.issue),
      comments: link(links.comments),
      review_comments: link(links.review_comments),
      review_comment: link(links.review_comment),
      commits: link(links.commits),
      statuses: link(links.statuses),
    },
    author_association: 'CONTRIBUTOR' as const,
    auto_merge: null,
    draft: pull.draft,
  };
}

/** A pull request as lists show it. */
export const pullSimple = (siteUrl: string, repository: Repository, pull: Pull): Schemas['pull-request-simple'] =>
  common(siteUrl, repository, pull);

/** A pull request in full. */
export function pullFull(siteUrl: string, repository: Repository, pull: Pull, facts: PullFacts): Schemas['pull-request'] {
  return {
    ...common(siteUrl, repository, pull),
    merged: pull.mergedAt !== null,
    mergeable: pull.state === 'closed' ? null : facts.mergeable,
    rebaseable: null,
    mergeable_state: mergeableState(repository, pull, facts.mergeable),
    merged_by: pull.mergedBy ? simpleUser(siteUrl, pull.mergedBy) : null,
    comments: repository.comments.filter((comment) => comment.number === pull.number).length,
    review_comments: 0,
    maintainer_can_modify: pull.maintainerCanModify,
    commits: facts.commits,
    additions: facts.additions,
    deletions: facts.deletions,
    changed_files: facts.changedFiles,
  };
}

function mergeableState(repository: Repository, pull: Pull, mergeable: boolean | null): string {
  if (pull.state === 'closed' || mergeable === null) return 'unknown';
  if (!mergeable) return 'dirty';
  if (pull.draft) return 'draft';
  const runs = repository.checks.filter((run) => run.headSha === pull.headSha);
  return runs.some((run) => run.conclusion !== 'success' && run.conclusion !== 'neutral' && run.conclusion !== 'skipped')
    ? 'unstable'
    : 'clean';
}

/** The short form that check runs carry. */
export function pullMinimal(siteUrl: string, repository: Repository, pull: Pull): Schemas['pull-request-minimal'] {
  const repo = { id: repository.id, url: apiUrl(siteUrl, repository), name: fullName(repository) };
  return {
    id: pull.id,
    number: pull.number,
    url: `${apiUrl(siteUrl, repository)}/pulls/${pull.number}`,
    head: { ref: pull.head, sha: pull.headSha, repo },
    base: { ref: pull.base, sha: pull.baseSha, repo },
  };
}
