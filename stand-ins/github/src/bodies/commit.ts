import { git } from '../bare.ts';
import type { Repository } from '../world.ts';
import { apiUrl, htmlUrl } from './repository.ts';
import { nodeId, type Schemas } from './schemas.ts';

interface CommitFacts {
  readonly sha: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: { readonly name: string; readonly email: string; readonly date: string };
  readonly committer: { readonly name: string; readonly email: string; readonly date: string };
  readonly message: string;
}

async function readCommit(repository: Repository, sha: string): Promise<CommitFacts> {
  const format = '%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B';
  const fields = (await git(repository.directory, ['log', '-1', `--format=${format}`, sha])).split('\0');
  const field = (index: number): string => fields[index] ?? '';
  return {
    sha: field(0),
    tree: field(1),
    parents: field(2).split(' ').filter(Boolean),
    author: { name: field(3), email: field(4), date: field(5) },
    committer: { name: field(6), email: field(7), date: field(8) },
    message: field(9).trimEnd(),
  };
}

async function commitBody(siteUrl: string, repository: Repository, sha: string): Promise<Schemas['commit']> {
  const commit = await readCommit(repository, sha);
  const api = apiUrl(siteUrl, repository);
  return {
    url: `${api}/commits/${sha}`,
    sha,
    node_id: nodeId('C', sha),
    html_url: `${htmlUrl(siteUrl, repository)}/commit/${sha}`,
    comments_url: `${api}/commits/${sha}/comments`,
    commit: {
      url: `${api}/git/commits/${sha}`,
      author: commit.author,
      committer: commit.committer,
      message: commit.message,
      comment_count: 0,
      tree: { sha: commit.tree, url: `${api}/git/trees/${commit.tree}` },
    },
    author: null,
    committer: null,
    parents: commit.parents.map((parent) => ({ sha: parent, url: `${api}/commits/${parent}` })),
  };
}

export async function branchBody(
  siteUrl: string,
  repository: Repository,
  branch: string,
  sha: string,
): Promise<Schemas['branch-with-protection']> {
  const url = `${apiUrl(siteUrl, repository)}/branches/${encodeURIComponent(branch)}`;
  return {
    name: branch,
    commit: await commitBody(siteUrl, repository, sha),
    _links: { self: url, html: `${htmlUrl(siteUrl, repository)}/tree/${branch}` },
    protected: false,
    protection: { enabled: false },
    protection_url: `${url}/protection`,
  };
}

/** A commit as `push` and `check_suite` webhooks carry it. */
export async function commitInHook(
  siteUrl: string,
  repository: Repository,
  sha: string,
): Promise<Schemas['simple-commit'] & { readonly url: string; readonly distinct: boolean }> {
  const commit = await readCommit(repository, sha);
  return {
    id: sha,
    tree_id: commit.tree,
    message: commit.message,
    timestamp: commit.committer.date,
    url: `${htmlUrl(siteUrl, repository)}/commit/${sha}`,
    distinct: true,
    author: { name: commit.author.name, email: commit.author.email },
    committer: { name: commit.committer.name, email: commit.committer.email },
  };
}
