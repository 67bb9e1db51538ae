import { fullName, type Repository } from '../world.ts';
import { simpleUser } from './account.ts';
import { nodeId, type Schemas } from './schemas.ts';

const apiPaths = {
  archive_url: '/{archive_format}{/ref}',
  assignees_url: '/assignees{/user}',
  blobs_url: '/git/blobs{/sha}',
  branches_url: '/branches{/branch}',
  collaborators_url: '/collaborators{/collaborator}',
  comments_url: '/comments{/number}',
  commits_url: '/commits{/sha}',
  compare_url: '/compare/{base}...{head}',
  contents_url: '/contents/{+path}',
  contributors_url: '/contributors',
  deployments_url: '/deployments',
  downloads_url: '/downloads',
  events_url: '/events',
  forks_url: '/forks',
  git_commits_url: '/git/commits{/sha}',
  git_refs_url: '/git/refs{/sha}',
  git_tags_url: '/git/tags{/sha}',
  hooks_url: '/hooks',
  issue_comment_url: '/issues/comments{/number}',
  issue_events_url: '/issues/events{/number}',
  issues_url: '/issues{/number}',
  keys_url: '/keys{/key_id}',
  labels_url: '/labels{/name}',
  languages_url: '/languages',
  merges_url: '/merges',
  milestones_url: '/milestones{/number}',
  notifications_url: '/notifications{?since,all,participating}',
  pulls_url: '/pulls{/number}',
  releases_url: '/releases{/id}',
  stargazers_url: '/stargazers',
  statuses_url: '/statuses/{sha}',
  subscribers_url: '/subscribers',
  subscription_url: '/subscription',
  tags_url: '/tags',
  teams_url: '/teams',
  trees_url: '/git/trees{/sha}',
} as const;

type ApiPaths = { [Key in keyof typeof apiPaths]: string };

export const apiUrl = (siteUrl: string, repository: Repository): string => `${siteUrl}/repos/${fullName(repository)}`;
export const htmlUrl = (siteUrl: string, repository: Repository): string => `${siteUrl}/${fullName(repository)}`;
export const cloneUrl = (siteUrl: string, repository: Repository): string => `${htmlUrl(siteUrl, repository)}.git`;

/** What every form of a repository has in common. */
function common(siteUrl: string, repository: Repository) {
  const api = apiUrl(siteUrl, repository);
  const open = repository.pulls.filter((pull) => pull.state === 'open').length;
  return {
    ...(Object.fromEntries(Object.entries(apiPaths).map(([key, path]) => [key, `${api}${path}`])) as ApiPaths),
    id: repository.id,
    node_id: nodeId('R', repository.id),
    name: repository.name,
    full_name: fullName(repository),
    owner: simpleUser(siteUrl, repository.owner),
    private: true,
    visibility: 'private' as const,
    html_url: htmlUrl(siteUrl, repository),
    description: null,
    fork: false,
    url: api,
    git_url: cloneUrl(siteUrl, repository),
    ssh_url: `git@127.0.0.1:${fullName(repository)}.git`,
    clone_url: cloneUrl(siteUrl, repository),
    svn_url: htmlUrl(siteUrl, repository),
    mirror_url: null,
    homepage: null,
    language: null,
    license: null,
    forks: 0,
    forks_count: 0,
    stargazers_count: 0,
    watchers: 0,
    watchers_count: 0,
    size: 0,
    default_branch: repository.defaultBranch,
    open_issues: open,
    open_issues_count: open,
    topics: [],
    has_issues: true,
    has_projects: false,
    has_wiki: false,
    has_pages: false,
    has_discussions: false,
    has_downloads: false,
    archived: false,
    disabled: false,
    created_at: repository.createdAt,
    updated_at: repository.pushedAt,
    pushed_at: repository.pushedAt,
  };
}

export const repositoryBody = (siteUrl: string, repository: Repository): Schemas['repository'] => common(siteUrl, repository);

export const fullRepository = (siteUrl: string, repository: Repository): Schemas['full-repository'] => ({
  ...common(siteUrl, repository),
  permissions: { admin: false, maintain: false, push: true, triage: true, pull: true },
  allow_merge_commit: true,
  allow_squash_merge: true,
  allow_rebase_merge: false,
  allow_auto_merge: false,
  delete_branch_on_merge: false,
  subscribers_count: 0,
  network_count: 0,
});

export const minimalRepository = (siteUrl: string, repository: Repository): Schemas['minimal-repository'] => {
  const { license: _license, ...rest } = common(siteUrl, repository);
  return rest;
};
