import type { Faults } from './faults.ts';
import type { LogEntry, Repository, Run } from './world.ts';

export interface View {
  readonly webUrl: string;
  readonly faults: Faults['now'];
  readonly now: number;
}

/** `AgentRunResponse` */
export function runBody(run: Run, { webUrl, faults, now }: View): Readonly<Record<string, unknown>> {
  const delay = faults.pullRequestMs;
  const pulls = delay === null ? [] : run.pullRequests.filter(({ openedAt }) => now >= openedAt + delay);
  return {
    ...head(run, { webUrl, faults, now }),
    summary: run.summary,
    source_type: 'API',
    github_pull_requests: pulls.map(({ openedAt: _, ...pull }) => pull),
  };
}

const head = (run: Run, { webUrl, faults }: View): Readonly<Record<string, unknown>> => ({
  id: run.id,
  organization_id: run.organisationId,
  status: faults.status === undefined ? run.status : faults.status.word,
  created_at: new Date(run.createdAt).toISOString(),
  web_url: `${webUrl}/agent/trace/${run.id}`,
  result: run.result,
  metadata: run.metadata,
});

export interface PageRequest {
  readonly skip: number;
  readonly limit: number;
}

const pages = (total: number, { skip, limit }: PageRequest): { readonly page: number; readonly size: number; readonly pages: number } => ({
  page: Math.floor(skip / limit) + 1,
  size: limit,
  pages: Math.ceil(total / limit),
});

/** `Page[…]` */
export function page<T>(items: readonly T[], request: PageRequest, body: (item: T) => unknown): Readonly<Record<string, unknown>> {
  const { skip, limit } = request;
  return { items: items.slice(skip, skip + limit).map(body), total: items.length, ...pages(items.length, request) };
}

/** `AgentRunWithLogsResponse` */
export function logsBody(run: Run, view: View, request: PageRequest, reverse: boolean): Readonly<Record<string, unknown>> {
  const { duplicateLogs } = view.faults;
  const told: readonly LogEntry[] = duplicateLogs === 'twice' ? run.log.flatMap((entry) => [entry, entry]) : run.log;
  const all = reverse ? told.toReversed() : told;
  const from = duplicateLogs === 'overlap' ? Math.max(0, request.skip - 1) : request.skip;
  const logs = all.slice(from, from + request.limit);
  return { ...head(run, view), logs, total_logs: all.length, ...pages(all.length, request) };
}

/** `RepoResponse` */
export const repositoryBody = (repository: Repository, organisationId: number): Readonly<Record<string, unknown>> => ({
  id: repository.id,
  name: repository.fullName.split('/').at(-1),
  full_name: repository.fullName,
  description: null,
  github_id: String(repository.id * 1000),
  organization_id: organisationId,
  visibility: 'private',
  archived: false,
  setup_status: 'COMPLETED',
  language: null,
});
