import { type Answer, answer, invalid, refusal } from '../answer.ts';
import { commitOf } from '../bare.ts';
import { checkRunBody, combinedStatus, statusBody } from '../bodies/check.ts';
import { announceCheck } from '../hooks.ts';
import {
  type CheckConclusion,
  type CheckRun,
  type CheckStatus,
  type CommitStatus,
  type Repository,
  type StatusState,
  timestamp,
} from '../world.ts';
import { type Call, repositoryOf, textOf } from './context.ts';
import { page } from './page.ts';

const checkStatuses: readonly CheckStatus[] = ['queued', 'in_progress', 'completed'];
const conclusions: readonly CheckConclusion[] = ['success', 'failure', 'neutral', 'cancelled', 'skipped', 'timed_out', 'action_required'];
const statusStates: readonly StatusState[] = ['error', 'failure', 'pending', 'success'];

const oneOf = <T extends string>(allowed: readonly T[], value: string | undefined): T | undefined =>
  allowed.find((candidate) => candidate === value);

/** A branch, a tag, `heads/x` or a commit id, as the service resolves them. */
async function shaOf(repository: Repository, ref: string): Promise<string | undefined> {
  for (const revision of [`refs/heads/${ref}`, `refs/tags/${ref}`, `refs/${ref}`, ref]) {
    const sha = await commitOf(repository.directory, revision);
    if (sha !== undefined) return sha;
  }
  return undefined;
}

async function shaOrRefuse(repository: Repository, ref: string): Promise<string> {
  const sha = await shaOf(repository, ref);
  if (sha === undefined) throw refusal(422, `No commit found for SHA: ${ref}`);
  return sha;
}

export async function createCheck(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const { body, site } = call;
  const resource = 'CheckRun';
  const name = textOf(body, 'name');
  const headSha = await shaOf(repository, textOf(body, 'head_sha') ?? '');
  const conclusion = oneOf(conclusions, textOf(body, 'conclusion')) ?? null;
  const status = conclusion ? 'completed' : (oneOf(checkStatuses, textOf(body, 'status') ?? 'queued') ?? 'queued');
  if (!name) throw invalid({ resource, field: 'name', code: 'missing_field' });
  if (headSha === undefined) throw invalid({ resource, field: 'head_sha', code: 'invalid' });
  if (status === 'completed' && conclusion === null) throw invalid({ resource, field: 'conclusion', code: 'missing_field' });
  const at = timestamp();
  const output = (body['output'] ?? {}) as Record<string, unknown>;
  const run: CheckRun = {
    id: site.nextId(),
    name,
    headSha,
    status,
    conclusion,
    startedAt: at,
    completedAt: status === 'completed' ? at : null,
    detailsUrl: textOf(body, 'details_url') ?? null,
    title: textOf(output, 'title') ?? null,
    summary: textOf(output, 'summary') ?? null,
  };
  repository.checks.push(run);
  await announceCheck(site, repository, run, call.caller);
  return answer(201, checkRunBody(site.url, repository, run));
}

/** The newest run per name, as the service's default `filter=latest` gives. */
export async function listChecks(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const ref = call.params['ref'] ?? '';
  const sha = await shaOrRefuse(repository, ref);
  const ofCommit = repository.checks.filter((run) => run.headSha === sha);
  const newest = new Map(ofCommit.map((run) => [run.name, run]));
  const runs = [...(call.query.get('filter') === 'all' ? ofCommit : newest.values())].reverse();
  return page(call, `/repos/${repository.owner.login}/${repository.name}/commits/${encodeURIComponent(ref)}/check-runs`, runs, (slice) => ({
    total_count: runs.length,
    check_runs: slice.map((run) => checkRunBody(call.site.url, repository, run)),
  }));
}

export async function createStatus(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const { body, site } = call;
  const sha = await shaOrRefuse(repository, call.params['sha'] ?? '');
  const state = oneOf(statusStates, textOf(body, 'state'));
  if (state === undefined) throw invalid({ resource: 'Status', field: 'state', code: 'invalid' });
  const status: CommitStatus = {
    id: site.nextId(),
    sha,
    state,
    context: textOf(body, 'context') ?? 'default',
    description: textOf(body, 'description') ?? null,
    targetUrl: textOf(body, 'target_url') ?? null,
    creator: call.caller,
    createdAt: timestamp(),
  };
  repository.statuses.push(status);
  return answer(201, statusBody(site.url, repository, status));
}

export async function getCombinedStatus(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const sha = await shaOf(repository, call.params['ref'] ?? '');
  if (sha === undefined) throw refusal(404, 'Not Found');
  return answer(200, combinedStatus(call.site.url, repository, sha));
}
