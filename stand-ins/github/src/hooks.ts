import type { Installation } from './apps.ts';
import { commitOf, git, isAncestor } from './bare.ts';
import { simpleUser } from './bodies/account.ts';
import { installationBody } from './bodies/app.ts';
import { checkRunBody, checkSuiteBody } from './bodies/check.ts';
import { commitInHook } from './bodies/commit.ts';
import { pullFull } from './bodies/pull.ts';
import { htmlUrl, repositoryBody } from './bodies/repository.ts';
import type { Schemas } from './bodies/schemas.ts';
import { commentBody, reviewBody } from './bodies/talk.ts';
import { pullFacts } from './pull-facts.ts';
import {
  type Account,
  type CheckRun,
  type Comment,
  type Pull,
  type PushRecord,
  type Repository,
  type Review,
  type Site,
  zeroSha,
} from './world.ts';

const common = (site: Site, repository: Repository, sender: Account): Record<string, unknown> => ({
  repository: repositoryBody(site.url, repository),
  sender: simpleUser(site.url, sender),
});

export async function announcePull(
  site: Site,
  repository: Repository,
  pull: Pull,
  sender: Account,
  action: 'opened' | 'closed' | 'reopened' | 'synchronize' | 'ready_for_review',
  moved?: { readonly before: string; readonly after: string },
): Promise<void> {
  const body = pullFull(site.url, repository, pull, await pullFacts(repository, pull));
  site.webhooks.send('pull_request', {
    action,
    number: pull.number,
    pull_request: body,
    ...moved,
    ...common(site, repository, sender),
  });
}

export function announceInstallation(site: Site, installation: Installation, action: 'deleted' | 'suspend' | 'unsuspend'): void {
  const sender = simpleUser(site.url, installation.account);
  site.webhooks.send('installation', { action, installation: installationBody(site, installation), sender });
}

const commitsInAPush = 20;

export async function announcePush(site: Site, repository: Repository, push: PushRecord, sender: Account): Promise<void> {
  const { directory } = repository;
  const deleted = push.new === zeroSha;
  const created = push.old === zeroSha;
  const isCommit = !deleted && (await commitOf(directory, push.new)) !== undefined;
  const commits: Schemas['simple-commit'][] = [];
  if (isCommit) {
    // A new branch brings what the default branch does not have yet.
    const range = created ? [push.new, '--not', `--exclude=${push.ref}`, '--branches'] : [`${push.old}..${push.new}`];
    const shas = await git(directory, ['rev-list', `--max-count=${commitsInAPush}`, '--reverse', ...range]);
    for (const sha of shas.split('\n').filter(Boolean)) commits.push(await commitInHook(site.url, repository, sha));
  }
  site.webhooks.send('push', {
    ref: push.ref,
    before: push.old,
    after: push.new,
    created,
    deleted,
    forced: isCommit && !created && !(await isAncestor(directory, push.old, push.new)),
    base_ref: null,
    compare: `${htmlUrl(site.url, repository)}/compare/${push.old.slice(0, 12)}...${push.new.slice(0, 12)}`,
    commits,
    head_commit: isCommit ? await commitInHook(site.url, repository, push.new) : null,
    pusher: { name: sender.login, email: null },
    ...common(site, repository, sender),
  });
}

export function announceComment(site: Site, repository: Repository, comment: Comment, sender: Account): void {
  const pull = repository.pulls.find((candidate) => candidate.number === comment.number);
  const url = `${site.url}/repos/${repository.owner.login}/${repository.name}/issues/${comment.number}`;
  site.webhooks.send('issue_comment', {
    action: 'created',
    comment: commentBody(site.url, repository, comment),
    issue: pull ? issueOf(site, repository, pull, url) : { number: comment.number, url },
    ...common(site, repository, sender),
  });
}

/** A pull request seen as the issue it also is. */
function issueOf(site: Site, repository: Repository, pull: Pull, url: string): Record<string, unknown> {
  const html = `${htmlUrl(site.url, repository)}/pull/${pull.number}`;
  return {
    id: pull.id,
    node_id: `I_${pull.id}`,
    number: pull.number,
    title: pull.title,
    body: pull.body,
    state: pull.state,
    locked: false,
    active_lock_reason: null,
    user: simpleUser(site.url, pull.author),
    labels: [],
    assignee: null,
    assignees: [],
    milestone: null,
    comments: repository.comments.filter((comment) => comment.number === pull.number).length,
    created_at: pull.createdAt,
    updated_at: pull.updatedAt,
    closed_at: pull.closedAt,
    author_association: 'CONTRIBUTOR',
    url,
    html_url: html,
    repository_url: `${site.url}/repos/${repository.owner.login}/${repository.name}`,
    labels_url: `${url}/labels{/name}`,
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
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
    pull_request: { url: url.replace('/issues/', '/pulls/'), html_url: html, diff_url: `${html}.diff`, patch_url: `${html}.patch` },
  };
}

export async function announceReview(site: Site, repository: Repository, pull: Pull, review: Review): Promise<void> {
  site.webhooks.send('pull_request_review', {
    action: 'submitted',
    review: { ...reviewBody(site.url, repository, review), state: review.state.toLowerCase() },
    pull_request: pullFull(site.url, repository, pull, await pullFacts(repository, pull)),
    ...common(site, repository, review.author),
  });
}

/** Says that a run has ended and, when it was the last of its commit, that the suite has. */
export async function announceCheck(site: Site, repository: Repository, run: CheckRun, sender: Account): Promise<void> {
  if (run.status !== 'completed') return;
  const commit = await commitInHook(site.url, repository, run.headSha);
  const suite = checkSuiteBody(site.url, repository, run.headSha, commit);
  site.webhooks.send('check_run', {
    action: 'completed',
    check_run: { ...checkRunBody(site.url, repository, run), check_suite: suite },
    ...common(site, repository, sender),
  });
  if (suite['status'] === 'completed')
    site.webhooks.send('check_suite', { action: 'completed', check_suite: suite, ...common(site, repository, sender) });
}
