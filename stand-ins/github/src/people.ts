import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Apps } from './apps.ts';
import { branchHead, commitOf, git, writeCommit } from './bare.ts';
import { signature } from './bodies/account.ts';
import { announceCheck, announceComment, announceInstallation, announcePull, announceReview } from './hooks.ts';
import { mergePull } from './merge.ts';
import { applyRefChanges } from './ref-changes.ts';
import {
  accountOf,
  type CheckConclusion,
  type CheckStatus,
  type Comment,
  findRepository,
  type Pull,
  type Repository,
  type Review,
  type ReviewState,
  type Site,
  type StatusState,
  timestamp,
  zeroSha,
} from './world.ts';

interface OnPull {
  /** `owner/name` */
  readonly repository: string;
  readonly number: number;
  /** Who does it; default `alice`. */
  readonly by?: string;
}

interface OnCommit {
  readonly repository: string;
  /** A branch or a commit id. */
  readonly ref: string;
  readonly by?: string;
}

/** What people and their CI do, beside what the program under test does. Each is also `POST /people/<name>` with the same fields. */
export interface People {
  merge(request: OnPull & { readonly method?: 'merge' | 'squash' }): Promise<{ readonly sha: string }>;
  close(request: OnPull): Promise<void>;
  reopen(request: OnPull): Promise<void>;
  comment(request: OnPull & { readonly body: string }): Promise<{ readonly id: number }>;
  review(request: OnPull & { readonly state: ReviewState; readonly body?: string }): Promise<{ readonly id: number }>;
  /** Sets the result of the check run of that name: a new run, or the unfinished one. Without a conclusion it is in progress. */
  check(
    request: OnCommit & {
      readonly name: string;
      readonly conclusion?: CheckConclusion;
      readonly status?: CheckStatus;
      readonly detailsUrl?: string;
    },
  ): Promise<{ readonly id: number }>;
  status(
    request: OnCommit & { readonly context: string; readonly state: StatusState; readonly targetUrl?: string },
  ): Promise<{ readonly id: number }>;
  /** Commits files to a branch, which is made from the default branch when it is new. */
  push(request: {
    readonly repository: string;
    readonly branch: string;
    /** Path to content; null deletes. */
    readonly files: Readonly<Record<string, string | null>>;
    readonly message?: string;
    readonly by?: string;
  }): Promise<{ readonly sha: string }>;
  deleteBranch(request: { readonly repository: string; readonly branch: string; readonly by?: string }): Promise<void>;
  /** Changes what people write in a pull request. */
  editPull(request: OnPull & { readonly title?: string; readonly body?: string }): Promise<void>;
  /** Registers a GitHub App; its private key is shown this once. */
  createApp(request: { readonly name: string; readonly owner: string }): Promise<{ readonly appId: number; readonly privateKey: string }>;
  install(request: Parameters<Apps['install']>[0]): Promise<{ readonly id: number }>;
  /** Suspends it, takes the suspension back, chooses other repositories or permissions. */
  changeInstallation(request: Parameters<Apps['change']>[0]): Promise<void>;
  uninstall(request: { readonly id: number }): Promise<void>;
  /** Ends every installation token that was given out; new ones can be had. */
  revokeTokens(): Promise<void>;
}

export function createPeople(site: Site): People {
  const repositoryOf = (fullName: string): Repository => {
    const [owner = '', name = ''] = fullName.split('/');
    const repository = findRepository(site, owner, name);
    if (!repository) throw new Error(`no repository ${fullName}`);
    return repository;
  };
  const pullOf = (repository: Repository, number: number): Pull => {
    const pull = repository.pulls.find((candidate) => candidate.number === number);
    if (!pull) throw new Error(`no pull request ${repository.owner.login}/${repository.name}#${number}`);
    return pull;
  };
  const shaOf = async (repository: Repository, ref: string): Promise<string> => {
    const sha = (await branchHead(repository.directory, ref)) ?? (await commitOf(repository.directory, ref));
    if (sha === undefined) throw new Error(`no commit ${ref}`);
    return sha;
  };
  const who = (by = 'alice') => accountOf(site, by);

  const setState = (state: 'open' | 'closed') => async (request: OnPull) => {
    const repository = repositoryOf(request.repository);
    const pull = pullOf(repository, request.number);
    await repository.lock(async () => {
      if (pull.mergedAt !== null) throw new Error(`#${pull.number} is merged`);
      if (pull.state === state) return;
      const at = timestamp();
      Object.assign(pull, { state, closedAt: state === 'closed' ? at : null, updatedAt: at });
      await announcePull(site, repository, pull, who(request.by), state === 'closed' ? 'closed' : 'reopened');
    });
  };

  return {
    async merge(request) {
      const repository = repositoryOf(request.repository);
      const pull = pullOf(repository, request.number);
      const outcome = await repository.lock(() =>
        mergePull(site, repository, pull, who(request.by), 'person', { method: request.method ?? 'merge' }),
      );
      if (outcome.kind !== 'merged') throw new Error(outcome.message);
      return { sha: outcome.sha };
    },
    close: setState('closed'),
    reopen: setState('open'),
    async comment(request) {
      const repository = repositoryOf(request.repository);
      const pull = pullOf(repository, request.number);
      const author = who(request.by);
      const comment: Comment = { id: site.nextId(), number: pull.number, author, body: request.body, createdAt: timestamp() };
      repository.comments.push(comment);
      announceComment(site, repository, comment, author);
      return { id: comment.id };
    },
    async review(request) {
      const repository = repositoryOf(request.repository);
      const pull = pullOf(repository, request.number);
      const review: Review = {
        id: site.nextId(),
        number: pull.number,
        author: who(request.by),
        body: request.body ?? '',
        state: request.state,
        commitSha: pull.headSha,
        submittedAt: timestamp(),
      };
      repository.reviews.push(review);
      await announceReview(site, repository, pull, review);
      return { id: review.id };
    },
    async check(request) {
      const repository = repositoryOf(request.repository);
      const headSha = await shaOf(repository, request.ref);
      const at = timestamp();
      const conclusion = request.conclusion ?? null;
      const status = conclusion ? 'completed' : (request.status ?? 'in_progress');
      const completedAt = status === 'completed' ? at : null;
      const unfinished = repository.checks.find(
        (run) => run.headSha === headSha && run.name === request.name && run.status !== 'completed',
      );
      const run = unfinished ?? {
        id: site.nextId(),
        name: request.name,
        headSha,
        status,
        conclusion,
        startedAt: at,
        completedAt,
        detailsUrl: request.detailsUrl ?? null,
        title: null,
        summary: null,
      };
      if (unfinished) Object.assign(unfinished, { status, conclusion, completedAt });
      else repository.checks.push(run);
      await announceCheck(site, repository, run, who(request.by ?? 'ci'));
      return { id: run.id };
    },
    async status(request) {
      const repository = repositoryOf(request.repository);
      const id = site.nextId();
      repository.statuses.push({
        id,
        sha: await shaOf(repository, request.ref),
        context: request.context,
        state: request.state,
        description: null,
        targetUrl: request.targetUrl ?? null,
        creator: who(request.by ?? 'ci'),
        createdAt: timestamp(),
      });
      return { id };
    },
    async push(request) {
      const repository = repositoryOf(request.repository);
      return repository.lock(async () => {
        const { directory } = repository;
        const old = await branchHead(directory, request.branch);
        const parent = old ?? (await branchHead(directory, repository.defaultBranch));
        const tree = await treeWith(directory, parent, request.files);
        const author = who(request.by);
        const sha = await writeCommit(directory, {
          tree,
          parents: parent === undefined ? [] : [parent],
          message: request.message ?? 'Change by a person',
          author: signature(author),
        });
        const ref = `refs/heads/${request.branch}`;
        await git(directory, ['update-ref', ref, sha, old ?? zeroSha]);
        await applyRefChanges(site, repository, [{ ref, old: old ?? zeroSha, new: sha }], author, 'person');
        return { sha };
      });
    },
    async deleteBranch(request) {
      const repository = repositoryOf(request.repository);
      await repository.lock(async () => {
        const old = await shaOf(repository, request.branch);
        const ref = `refs/heads/${request.branch}`;
        await git(repository.directory, ['update-ref', '-d', ref, old]);
        await applyRefChanges(site, repository, [{ ref, old, new: zeroSha }], who(request.by), 'person');
      });
    },
    async editPull(request) {
      const pull = pullOf(repositoryOf(request.repository), request.number);
      if (request.title !== undefined) pull.title = request.title;
      if (request.body !== undefined) pull.body = request.body;
      pull.updatedAt = timestamp();
    },
    createApp: (request) => site.apps.create(request),
    install: async (request) => site.apps.install(request),
    async changeInstallation(request) {
      const installation = site.apps.change(request);
      if (request.suspended !== undefined) announceInstallation(site, installation, request.suspended ? 'suspend' : 'unsuspend');
    },
    async uninstall({ id }) {
      announceInstallation(site, site.apps.uninstall(Number(id)), 'deleted');
    },
    revokeTokens: async () => site.apps.revokeTokens(),
  };
}

/** The tree of `parent` with some files changed; written through an index of its own. */
async function treeWith(directory: string, parent: string | undefined, files: Readonly<Record<string, string | null>>): Promise<string> {
  const index = join(directory, `index-${randomUUID()}`);
  const env = { GIT_INDEX_FILE: index };
  try {
    await git(directory, parent === undefined ? ['read-tree', '--empty'] : ['read-tree', parent], { env });
    for (const [path, content] of Object.entries(files)) {
      if (content === null) {
        await git(directory, ['update-index', '--index-info'], { env, input: `0 ${zeroSha}\t${path}\n` });
        continue;
      }
      const blob = await git(directory, ['hash-object', '-w', '--stdin'], { input: content });
      await git(directory, ['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`], { env });
    }
    return await git(directory, ['write-tree'], { env });
  } finally {
    await rm(index, { force: true });
  }
}
