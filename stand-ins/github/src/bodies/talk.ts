import type { Comment, Repository, Review } from '../world.ts';
import { simpleUser } from './account.ts';
import { pullHtmlUrl } from './pull.ts';
import { apiUrl } from './repository.ts';
import { nodeId, type Schemas } from './schemas.ts';

export function commentBody(siteUrl: string, repository: Repository, comment: Comment): Schemas['issue-comment'] {
  const api = apiUrl(siteUrl, repository);
  const url = `${api}/issues/comments/${comment.id}`;
  return {
    id: comment.id,
    node_id: nodeId('IC', comment.id),
    url,
    html_url: `${pullHtmlUrl(siteUrl, repository, comment.number)}#issuecomment-${comment.id}`,
    body: comment.body,
    user: simpleUser(siteUrl, comment.author),
    created_at: comment.createdAt,
    updated_at: comment.createdAt,
    issue_url: `${api}/issues/${comment.number}`,
    author_association: 'CONTRIBUTOR',
    performed_via_github_app: null,
    reactions: {
      url: `${url}/reactions`,
      total_count: 0,
      '+1': 0,
      '-1': 0,
      laugh: 0,
      confused: 0,
      heart: 0,
      hooray: 0,
      eyes: 0,
      rocket: 0,
    },
  };
}

export function reviewBody(siteUrl: string, repository: Repository, review: Review): Schemas['pull-request-review'] {
  const html = `${pullHtmlUrl(siteUrl, repository, review.number)}#pullrequestreview-${review.id}`;
  const pullUrl = `${apiUrl(siteUrl, repository)}/pulls/${review.number}`;
  return {
    id: review.id,
    node_id: nodeId('PRR', review.id),
    user: simpleUser(siteUrl, review.author),
    body: review.body,
    state: review.state,
    html_url: html,
    pull_request_url: pullUrl,
    _links: { html: { href: html }, pull_request: { href: pullUrl } },
    submitted_at: review.submittedAt,
    commit_id: review.commitSha,
    author_association: 'CONTRIBUTOR',
  };
}
