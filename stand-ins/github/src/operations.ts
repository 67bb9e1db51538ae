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
  | 'issues.listComments';

/** One REST call of the published API. */
export interface Operation {
  readonly name: OperationName;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** The path template of the OpenAPI document. */
  readonly path: string;
}

const repo = '/repos/{owner}/{repo}';

/** Every call that is modelled; the contract is extracted for these and no others. */
export const operations: readonly Operation[] = [
  { name: 'users.getAuthenticated', method: 'GET', path: '/user' },
  { name: 'rateLimit.get', method: 'GET', path: '/rate_limit' },
  { name: 'repos.get', method: 'GET', path: repo },
  { name: 'repos.getBranch', method: 'GET', path: `${repo}/branches/{branch}` },
  { name: 'git.getRef', method: 'GET', path: `${repo}/git/ref/{ref}` },
  { name: 'git.deleteRef', method: 'DELETE', path: `${repo}/git/refs/{ref}` },
  { name: 'pulls.create', method: 'POST', path: `${repo}/pulls` },
  { name: 'pulls.list', method: 'GET', path: `${repo}/pulls` },
  { name: 'pulls.get', method: 'GET', path: `${repo}/pulls/{pull_number}` },
  { name: 'pulls.update', method: 'PATCH', path: `${repo}/pulls/{pull_number}` },
  { name: 'pulls.merge', method: 'PUT', path: `${repo}/pulls/{pull_number}/merge` },
  { name: 'pulls.listFiles', method: 'GET', path: `${repo}/pulls/{pull_number}/files` },
  { name: 'pulls.listReviews', method: 'GET', path: `${repo}/pulls/{pull_number}/reviews` },
  { name: 'checks.create', method: 'POST', path: `${repo}/check-runs` },
  { name: 'checks.listForRef', method: 'GET', path: `${repo}/commits/{ref}/check-runs` },
  { name: 'repos.createCommitStatus', method: 'POST', path: `${repo}/statuses/{sha}` },
  { name: 'repos.getCombinedStatusForRef', method: 'GET', path: `${repo}/commits/{ref}/status` },
  { name: 'issues.createComment', method: 'POST', path: `${repo}/issues/{issue_number}/comments` },
  { name: 'issues.listComments', method: 'GET', path: `${repo}/issues/{issue_number}/comments` },
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
