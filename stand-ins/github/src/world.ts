import type { Apps, Grant } from './apps.ts';
import type { Faults } from './faults.ts';
import type { Webhooks } from './webhooks.ts';

/** Who may call: a token names an account and what it may do. */
export interface Account {
  readonly id: number;
  readonly login: string;
  /** `read`: writes over REST and pushes answer 403. */
  readonly permission: 'write' | 'read';
  /** Of an installation token: what it may do, and where. */
  readonly grant?: Grant;
}

export interface Pull {
  readonly id: number;
  readonly number: number;
  readonly createdAt: string;
  readonly author: Account;
  title: string;
  body: string | null;
  state: 'open' | 'closed';
  draft: boolean;
  /** Branch names, never full refs. */
  readonly head: string;
  base: string;
  /** Follows the branch while the pull request is open. */
  headSha: string;
  baseSha: string;
  updatedAt: string;
  closedAt: string | null;
  mergedAt: string | null;
  mergedBy: Account | null;
  mergeCommitSha: string | null;
  maintainerCanModify: boolean;
  /** Computed in the background for one pair of commits, as on the real service; absent: still being computed. */
  mergeable?: { readonly pair: string; readonly value: boolean };
}

export interface Comment {
  readonly id: number;
  readonly number: number;
  readonly author: Account;
  readonly body: string;
  readonly createdAt: string;
}

export type ReviewState = 'APPROVED' | 'CHANGES_REQUESTED' | 'COMMENTED';

export interface Review {
  readonly id: number;
  readonly number: number;
  readonly author: Account;
  readonly body: string;
  readonly state: ReviewState;
  readonly commitSha: string;
  readonly submittedAt: string;
}

export type CheckStatus = 'queued' | 'in_progress' | 'completed';
export type CheckConclusion = 'success' | 'failure' | 'neutral' | 'cancelled' | 'skipped' | 'timed_out' | 'action_required';

export interface CheckRun {
  readonly id: number;
  readonly name: string;
  readonly headSha: string;
  status: CheckStatus;
  conclusion: CheckConclusion | null;
  readonly startedAt: string;
  completedAt: string | null;
  detailsUrl: string | null;
  title: string | null;
  summary: string | null;
}

export type StatusState = 'error' | 'failure' | 'pending' | 'success';

export interface CommitStatus {
  readonly id: number;
  readonly sha: string;
  readonly context: string;
  readonly state: StatusState;
  readonly description: string | null;
  readonly targetUrl: string | null;
  readonly creator: Account;
  readonly createdAt: string;
}

export interface Repository {
  readonly id: number;
  readonly owner: Account;
  readonly name: string;
  readonly defaultBranch: string;
  readonly createdAt: string;
  pushedAt: string;
  /** The bare repository on disk. */
  readonly directory: string;
  /** Issues and pull requests share one count. */
  nextNumber: number;
  readonly pulls: Pull[];
  readonly comments: Comment[];
  readonly reviews: Review[];
  readonly checks: CheckRun[];
  readonly statuses: CommitStatus[];
  /** Writes of one repository run one after the other. */
  readonly lock: <T>(work: () => Promise<T>) => Promise<T>;
}

/** One change of one ref. An all-zero id stands for "did not exist". */
export interface PushRecord {
  readonly at: string;
  readonly by: string;
  /** `git`: pushed; `api`: a REST call; `person`: done through `/people`. */
  readonly via: 'git' | 'api' | 'person';
  readonly repository: string;
  readonly ref: string;
  readonly old: string;
  readonly new: string;
}

/** Everything the service knows. */
export interface Site {
  /** Where the bare repositories are. */
  readonly root: string;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly repositories: Map<string, Repository>;
  /** By login, in lower case. */
  readonly accounts: Map<string, Account>;
  readonly tokens: ReadonlyMap<string, Account>;
  readonly apps: Apps;
  readonly pushes: PushRecord[];
  readonly faults: Faults;
  readonly webhooks: Webhooks;
  readonly nextId: () => number;
}

export const zeroSha: string = '0'.repeat(40);
export const fullName = (repository: Repository): string => `${repository.owner.login}/${repository.name}`;
export const timestamp = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z');

/** The account of that login; made when it is new, so that any script can play any person. */
export function accountOf(site: Pick<Site, 'accounts' | 'nextId'>, login: string): Account {
  const known = site.accounts.get(login.toLowerCase());
  if (known) return known;
  const account: Account = { id: site.nextId(), login, permission: 'write' };
  site.accounts.set(login.toLowerCase(), account);
  return account;
}

/** Owner and name are compared without case, as on the real service. */
export function findRepository(site: Site, owner: string, name: string): Repository | undefined {
  return site.repositories.get(`${owner}/${name}`.toLowerCase());
}

/** A queue of one: each piece of work starts when the one before has ended, whatever its outcome. */
export function lock(): Repository['lock'] {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
}
