/** One call of the service that is modelled. */
export interface Operation {
  readonly name: OperationName;
  readonly method: 'GET' | 'POST';
  /** As the published description writes it. */
  readonly path: string;
  /** Which limit counts it; absent: none is stated. */
  readonly bucket?: 'create' | 'read' | 'logs';
}

export type OperationName =
  | 'users.me'
  | 'organizations.list'
  | 'repos.list'
  | 'runs.create'
  | 'runs.get'
  | 'runs.list'
  | 'runs.resume'
  | 'runs.ban'
  | 'runs.unban'
  | 'runs.removeFromPr'
  | 'runs.logs';

const run = '/v1/organizations/{org_id}/agent/run';

export const operations: readonly Operation[] = [
  { name: 'users.me', method: 'GET', path: '/v1/users/me', bucket: 'read' },
  { name: 'organizations.list', method: 'GET', path: '/v1/organizations', bucket: 'read' },
  { name: 'repos.list', method: 'GET', path: '/v1/organizations/{org_id}/repos', bucket: 'read' },
  { name: 'runs.create', method: 'POST', path: run, bucket: 'create' },
  { name: 'runs.list', method: 'GET', path: '/v1/organizations/{org_id}/agent/runs', bucket: 'read' },
  { name: 'runs.resume', method: 'POST', path: `${run}/resume` },
  { name: 'runs.ban', method: 'POST', path: `${run}/ban` },
  { name: 'runs.unban', method: 'POST', path: `${run}/unban` },
  { name: 'runs.removeFromPr', method: 'POST', path: `${run}/remove-from-pr` },
  { name: 'runs.get', method: 'GET', path: `${run}/{agent_run_id}`, bucket: 'read' },
  { name: 'runs.logs', method: 'GET', path: '/v1/alpha/organizations/{org_id}/agent/run/{agent_run_id}/logs', bucket: 'logs' },
];

export interface Matched {
  readonly operation: Operation;
  readonly params: Readonly<Record<string, string>>;
}

const compiled = operations.map((operation) => ({
  operation,
  names: [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name),
  pattern: new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, '([^/]+)')}$`),
}));

/** The operation that a call is for; undefined where nothing is modelled. */
export function matchOperation(method: string, pathname: string): Matched | undefined {
  for (const { operation, names, pattern } of compiled) {
    const found = operation.method === method ? pattern.exec(pathname) : null;
    if (found)
      return { operation, params: Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')])) };
  }
  return undefined;
}
