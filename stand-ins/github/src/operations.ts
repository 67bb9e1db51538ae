/** As Octokit names them. */
export type OperationName =
  | 'users.getAuthenticated'
  | 'rateLimit.get'
  | 'repos.get'
  | 'repos.getBranch'
  | 'git.getRef'
  | 'git.deleteRef'
  | 'pulls.create'
  | 'pulls.list'
  | 'pulls.get'
  | 'pulls.update'
  | 'pulls.merge'
  | 'pulls.listFiles'
  | 'pulls.listReviews'
  | 'checks.create'
  | 'checks.listForRef'
  | 'repos.createCommitStatus'
  | 'repos.getCombinedStatusForRef'
  | 'issues.createComment'
  | 'issues.listComments'
  | AppOperationName;

/** Those an app calls in its own name, with a token it has signed itself. */
export type AppOperationName =
  | 'apps.getAuthenticated'
  | 'apps.getRepoInstallation'
  | 'apps.getInstallation'
  | 'apps.createInstallationAccessToken';

/** One REST call of the published API. */
export interface Operation {
  readonly name: OperationName;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** The path template of the OpenAPI document. */
  readonly path: string;
  /** The permission an installation token needs for it. */
  readonly needs?: readonly [string, 'read' | 'write'];
}

const repo = '/repos/{owner}/{repo}';

/** Every call that is modelled; the contract is extracted for these and no others. */
export const operations: readonly Operation[] = [
  { name: 'users.getAuthenticated', method: 'GET', path: '/user' },
  { name: 'rateLimit.get', method: 'GET', path: '/rate_limit' },
  { name: 'repos.get', method: 'GET', path: repo, needs: ['metadata', 'read'] },
  { name: 'repos.getBranch', method: 'GET', path: `${repo}/branches/{branch}`, needs: ['contents', 'read'] },
  { name: 'git.getRef', method: 'GET', path: `${repo}/git/ref/{ref}`, needs: ['contents', 'read'] },
  { name: 'git.deleteRef', method: 'DELETE', path: `${repo}/git/refs/{ref}`, needs: ['contents', 'write'] },
  { name: 'pulls.create', method: 'POST', path: `${repo}/pulls`, needs: ['pull_requests', 'write'] },
  { name: 'pulls.list', method: 'GET', path: `${repo}/pulls`, needs: ['pull_requests', 'read'] },
  { name: 'pulls.get', method: 'GET', path: `${repo}/pulls/{pull_number}`, needs: ['pull_requests', 'read'] },
  { name: 'pulls.update', method: 'PATCH', path: `${repo}/pulls/{pull_number}`, needs: ['pull_requests', 'write'] },
  { name: 'pulls.merge', method: 'PUT', path: `${repo}/pulls/{pull_number}/merge`, needs: ['contents', 'write'] },
  { name: 'pulls.listFiles', method: 'GET', path: `${repo}/pulls/{pull_number}/files`, needs: ['pull_requests', 'read'] },
  { name: 'pulls.listReviews', method: 'GET', path: `${repo}/pulls/{pull_number}/reviews`, needs: ['pull_requests', 'read'] },
  { name: 'checks.create', method: 'POST', path: `${repo}/check-runs`, needs: ['checks', 'write'] },
  { name: 'checks.listForRef', method: 'GET', path: `${repo}/commits/{ref}/check-runs`, needs: ['checks', 'read'] },
  { name: 'repos.createCommitStatus', method: 'POST', path: `${repo}/statuses/{sha}`, needs: ['statuses', 'write'] },
  { name: 'repos.getCombinedStatusForRef', method: 'GET', path: `${repo}/commits/{ref}/status`, needs: ['statuses', 'read'] },
  { name: 'issues.createComment', method: 'POST', path: `${repo}/issues/{issue_number}/comments`, needs: ['pull_requests', 'write'] },
  { name: 'issues.listComments', method: 'GET', path: `${repo}/issues/{issue_number}/comments`, needs: ['pull_requests', 'read'] },
  { name: 'apps.getAuthenticated', method: 'GET', path: '/app' },
  { name: 'apps.getRepoInstallation', method: 'GET', path: `${repo}/installation` },
  { name: 'apps.getInstallation', method: 'GET', path: '/app/installations/{installation_id}' },
  { name: 'apps.createInstallationAccessToken', method: 'POST', path: '/app/installations/{installation_id}/access_tokens' },
];

/** Names of refs may hold slashes, written raw or encoded. */
const greedy = new Set(['ref', 'branch']);

const matchers = operations.map((operation) => {
  const names: string[] = [];
  const pattern = operation.path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    names.push(name);
    return greedy.has(name) ? '(.+)' : '([^/]+)';
  });
  return { operation, names, pattern: new RegExp(`^${pattern}$`) };
});

export interface Match {
  readonly operation: Operation;
  readonly params: Readonly<Record<string, string>>;
}

/** The operation a request asks for; undefined when it is not modelled or the path is not well encoded. */
export function matchOperation(method: string, path: string): Match | undefined {
  for (const { operation, names, pattern } of matchers) {
    if (operation.method !== method) continue;
    const found = pattern.exec(path);
    if (!found) continue;
    try {
      return { operation, params: Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')])) };
    } catch {
      return undefined;
    }
  }
  return undefined;
}
