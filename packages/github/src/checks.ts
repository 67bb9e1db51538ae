import type { Failure } from 'cyrus-core/failure';
import { ok, type Result } from 'cyrus-core/result';
import type { Check, CheckState, Checks, CodeHost } from './code-host.ts';
import type { Connection } from './connection.ts';
import { fullName } from './repository.ts';

const pageSize = 100;
/** More than this many check runs on one commit are not read: 1,000. */
const pagesAtMost = 10;
const mostDetail = 4_000;

/** Conclusions after which nothing stands in the way of a merge; any other conclusion is a failure. */
const harmless: readonly string[] = ['success', 'neutral', 'skipped'];

/** The state of a check run. @see https://docs.github.com/rest/checks/runs */
export function runState(status: string, conclusion: string | null): CheckState {
  if (status !== 'completed' || conclusion === null) return 'pending';
  return harmless.includes(conclusion) ? 'success' : 'failure';
}

/** The state of a commit status. */
export function statusState(state: string): CheckState {
  return state === 'success' || state === 'pending' ? state : 'failure';
}

/** One verdict over all checks: a failure counts at once, and nothing is a success while something is pending. Pure. */
export function verdict(items: readonly Check[]): Checks['state'] {
  if (items.length === 0) return 'none';
  const has = (state: CheckState): boolean => items.some((item) => item.state === state);
  return has('failure') ? 'failure' : has('pending') ? 'pending' : 'success';
}

/** Reads both worlds: check runs, which apps report, and commit statuses, which tokens report. */
export async function readChecks(connection: Connection, request: Parameters<CodeHost['readChecks']>[0]): Promise<Result<Checks, Failure>> {
  const { repository, sha } = request;
  const where = { owner: repository.owner, repo: repository.name, ref: sha, per_page: pageSize };
  const doing = `reading the checks of ${sha.slice(0, 12)} in ${fullName(repository)}`;
  const items: Check[] = [];
  for (let page = 1, total = 1; items.length < total && page <= pagesAtMost; page += 1) {
    const runs = await connection.call(doing, (octokit) => octokit.rest.checks.listForRef({ ...where, page }));
    if (!runs.ok) return runs;
    total = runs.value.total_count;
    if (runs.value.check_runs.length === 0) break;
    for (const run of runs.value.check_runs) {
      const state = runState(run.status, run.conclusion);
      const detail = state === 'failure' ? [run.output.summary, run.output.text].filter(Boolean).join('\n\n').slice(0, mostDetail) : '';
      items.push({ ...item(run.name, state, run.html_url ?? run.details_url, run.output.title), ...(detail ? { detail } : {}) });
    }
  }
  const runCount = items.length;
  for (let page = 1, total = 1; items.length - runCount < total && page <= pagesAtMost; page += 1) {
    const combined = await connection.call(doing, (octokit) => octokit.rest.repos.getCombinedStatusForRef({ ...where, page }));
    if (!combined.ok) return combined;
    total = combined.value.total_count;
    if (combined.value.statuses.length === 0) break;
    for (const status of combined.value.statuses)
      items.push(item(status.context, statusState(status.state), status.target_url, status.description));
  }
  return ok({ state: verdict(items), items });
}

const item = (name: string, state: CheckState, url: string | null | undefined, summary: string | null | undefined): Check => ({
  name,
  state,
  ...(url ? { url } : {}),
  ...(summary ? { summary } : {}),
});
