import { type Answer, answer } from './answer.ts';
import type { Calls } from './calls.ts';
import { createRepository, type NewRepository } from './create-repository.ts';
import type { FaultRequest } from './faults.ts';
import type { People } from './people.ts';
import type { WebhookTarget } from './webhooks.ts';
import { type Account, fullName, type Pull, type Repository, type Site } from './world.ts';

const login = (account: Account | null): string | null => account?.login ?? null;

export interface PullState {
  readonly number: number;
  readonly url: string;
  readonly title: string;
  readonly body: string | null;
  readonly state: 'open' | 'closed';
  readonly draft: boolean;
  readonly merged: boolean;
  readonly mergedBy: string | null;
  readonly mergeCommitSha: string | null;
  readonly head: string;
  readonly headSha: string;
  readonly base: string;
  readonly baseSha: string;
  readonly author: string;
  readonly createdAt: string;
}

const pullState = (siteUrl: string, repository: Repository, pull: Pull): PullState => ({
  number: pull.number,
  url: `${siteUrl}/${fullName(repository)}/pull/${pull.number}`,
  title: pull.title,
  body: pull.body,
  state: pull.state,
  draft: pull.draft,
  merged: pull.mergedAt !== null,
  mergedBy: login(pull.mergedBy),
  mergeCommitSha: pull.mergeCommitSha,
  head: pull.head,
  headSha: pull.headSha,
  base: pull.base,
  baseSha: pull.baseSha,
  author: pull.author.login,
  createdAt: pull.createdAt,
});

export interface RepositoryState {
  readonly fullName: string;
  readonly defaultBranch: string;
  readonly cloneUrl: string;
  readonly directory: string;
  readonly pulls: readonly PullState[];
  readonly comments: readonly { readonly id: number; readonly number: number; readonly author: string; readonly body: string }[];
  readonly reviews: readonly { readonly id: number; readonly number: number; readonly author: string; readonly state: string }[];
  readonly checks: readonly { readonly id: number; readonly name: string; readonly headSha: string; readonly conclusion: string | null }[];
  readonly statuses: readonly { readonly id: number; readonly context: string; readonly sha: string; readonly state: string }[];
}

export interface SiteState {
  readonly repositories: readonly RepositoryState[];
  readonly pushes: Site['pushes'];
  readonly deliveries: readonly {
    readonly id: string;
    readonly event: string;
    readonly action: string | undefined;
    readonly status: number;
  }[];
  readonly faults: unknown;
}

export function siteState(site: Site): SiteState {
  return {
    repositories: [...site.repositories.values()].map((repository) => ({
      fullName: fullName(repository),
      defaultBranch: repository.defaultBranch,
      cloneUrl: `${site.url}/${fullName(repository)}.git`,
      directory: repository.directory,
      pulls: repository.pulls.map((pull) => pullState(site.url, repository, pull)),
      comments: repository.comments.map(({ author, ...comment }) => ({ ...comment, author: author.login })),
      reviews: repository.reviews.map(({ author, ...review }) => ({ ...review, author: author.login })),
      checks: repository.checks.map((run) => ({ ...run })),
      statuses: repository.statuses.map(({ creator, ...status }) => ({ ...status, creator: creator.login })),
    })),
    pushes: site.pushes,
    deliveries: site.webhooks.deliveries.map(({ raw: _raw, ...delivery }) => delivery),
    faults: site.faults.snapshot(),
  };
}

/** The answer to a `/control/…` or `/people/…` request; undefined when there is no such thing. */
export async function control(
  site: Site,
  people: People,
  calls: Calls,
  method: string,
  url: URL,
  body: Readonly<Record<string, unknown>>,
): Promise<Answer | undefined> {
  const { pathname } = url;
  if (method === 'POST' && pathname.startsWith('/people/')) {
    const action = pathname.slice('/people/'.length);
    if (!Object.hasOwn(people, action)) return undefined;
    const act = people[action as keyof People] as (request: unknown) => Promise<unknown>;
    return answer(200, { ok: true, ...((await act(body)) as object | undefined) });
  }
  switch (`${method} ${pathname}`) {
    case 'GET /control/state':
      return answer(200, siteState(site));
    case 'GET /control/calls': {
      const operation = url.searchParams.get('operation');
      const chosen = operation === null ? calls.recent : calls.recent.filter((call) => call.operation === operation);
      return answer(200, { calls: chosen, counts: calls.counts(), notModelled: calls.notModelled });
    }
    case 'POST /control/repositories': {
      const repository = await createRepository(site, body as unknown as NewRepository);
      return answer(201, {
        fullName: fullName(repository),
        cloneUrl: `${site.url}/${fullName(repository)}.git`,
        directory: repository.directory,
      });
    }
    case 'POST /control/faults':
      site.faults.set(body as FaultRequest);
      return answer(200, site.faults.snapshot());
    case 'POST /control/webhook':
      site.webhooks.setTarget(typeof body['url'] === 'string' ? (body as unknown as WebhookTarget) : undefined);
      return answer(200, { ok: true });
    case 'POST /control/redeliver':
      return site.webhooks.redeliver(String(body['id'])) ? answer(200, { ok: true }) : answer(404, { message: 'no such delivery' });
    default:
      return undefined;
  }
}
