import type { CheckRun, CommitStatus, Repository } from '../world.ts';
import { simpleUser } from './account.ts';
import { pullMinimal } from './pull.ts';
import { apiUrl, htmlUrl, minimalRepository } from './repository.ts';
import { nodeId, type Schemas } from './schemas.ts';

/** The app check runs are reported by. */
function checksApp(siteUrl: string, repository: Repository): Schemas['integration'] {
  return {
    id: 1,
    slug: 'ci',
    node_id: nodeId('A', 1),
    owner: simpleUser(siteUrl, repository.owner),
    name: 'CI',
    description: '',
    external_url: siteUrl,
    html_url: `${siteUrl}/apps/ci`,
    created_at: repository.createdAt,
    updated_at: repository.createdAt,
    permissions: { checks: 'write', metadata: 'read' },
    events: ['push'],
  };
}

const pullsOf = (siteUrl: string, repository: Repository, sha: string): Schemas['pull-request-minimal'][] =>
  repository.pulls.filter((pull) => pull.state === 'open' && pull.headSha === sha).map((pull) => pullMinimal(siteUrl, repository, pull));

export function checkRunBody(siteUrl: string, repository: Repository, run: CheckRun): Schemas['check-run'] {
  const api = `${apiUrl(siteUrl, repository)}/check-runs/${run.id}`;
  const html = `${htmlUrl(siteUrl, repository)}/runs/${run.id}`;
  return {
    id: run.id,
    node_id: nodeId('CR', run.id),
    head_sha: run.headSha,
    external_id: '',
    url: api,
    html_url: html,
    details_url: run.detailsUrl ?? html,
    status: run.status,
    conclusion: run.conclusion,
    started_at: run.startedAt,
    completed_at: run.completedAt,
    output: { title: run.title, summary: run.summary, text: null, annotations_count: 0, annotations_url: `${api}/annotations` },
    name: run.name,
    check_suite: { id: suiteId(repository, run.headSha) },
    app: checksApp(siteUrl, repository),
    pull_requests: pullsOf(siteUrl, repository, run.headSha),
  };
}

/** All check runs of one commit are one suite: it bears the id of the first of them. */
const suiteId = (repository: Repository, sha: string): number => repository.checks.find((run) => run.headSha === sha)?.id ?? 0;

/** The suite of a commit as `check_suite` webhooks carry it. */
export function checkSuiteBody(
  siteUrl: string,
  repository: Repository,
  sha: string,
  commit: Schemas['simple-commit'],
): Record<string, unknown> {
  const runs = repository.checks.filter((run) => run.headSha === sha);
  const pending = runs.some((run) => run.status !== 'completed');
  const failed = runs.find((run) => run.conclusion !== 'success' && run.conclusion !== 'neutral' && run.conclusion !== 'skipped');
  const id = suiteId(repository, sha);
  const api = `${apiUrl(siteUrl, repository)}/check-suites/${id}`;
  return {
    id,
    node_id: nodeId('CS', id),
    head_branch: repository.pulls.find((pull) => pull.headSha === sha)?.head ?? null,
    head_sha: sha,
    status: pending ? ('in_progress' as const) : ('completed' as const),
    conclusion: pending ? null : (failed?.conclusion ?? ('success' as const)),
    url: api,
    before: null,
    after: sha,
    pull_requests: pullsOf(siteUrl, repository, sha),
    app: checksApp(siteUrl, repository),
    created_at: runs[0]?.startedAt ?? repository.createdAt,
    updated_at: runs.at(-1)?.completedAt ?? repository.pushedAt,
    head_commit: commit,
    latest_check_runs_count: runs.length,
    check_runs_url: `${api}/check-runs`,
  };
}

function statusCommon(siteUrl: string, repository: Repository, status: CommitStatus) {
  return {
    url: `${apiUrl(siteUrl, repository)}/statuses/${status.sha}`,
    avatar_url: `${siteUrl}/avatars/${status.creator.id}`,
    id: status.id,
    node_id: nodeId('SC', status.id),
    state: status.state,
    description: status.description,
    target_url: status.targetUrl,
    context: status.context,
    created_at: status.createdAt,
    updated_at: status.createdAt,
  };
}

export const statusBody = (siteUrl: string, repository: Repository, status: CommitStatus): Schemas['status'] => ({
  ...statusCommon(siteUrl, repository, status),
  creator: simpleUser(siteUrl, status.creator),
});

/** The combined status of a commit: the newest status per context; `pending` when there is none at all, as on the real service. */
export function combinedStatus(siteUrl: string, repository: Repository, sha: string): Schemas['combined-commit-status'] {
  const newest = new Map(repository.statuses.filter((status) => status.sha === sha).map((status) => [status.context, status]));
  const states = [...newest.values()].map((status) => status.state);
  const failed = states.some((state) => state === 'failure' || state === 'error');
  const api = apiUrl(siteUrl, repository);
  return {
    state: failed ? 'failure' : states.length > 0 && states.every((state) => state === 'success') ? 'success' : 'pending',
    statuses: [...newest.values()].map((status) => statusCommon(siteUrl, repository, status)),
    sha,
    total_count: newest.size,
    repository: minimalRepository(siteUrl, repository),
    commit_url: `${api}/commits/${sha}`,
    url: `${api}/commits/${sha}/status`,
  };
}
