import type { OperationName } from './faults.ts';

const routes: readonly (readonly [method: string, path: RegExp, operation: OperationName])[] = [
  ['GET', /^\/v1\/me$/, 'me'],
  ['GET', /^\/v1\/models$/, 'models'],
  ['GET', /^\/v1\/repositories$/, 'repositories'],
  ['POST', /^\/v1\/agents$/, 'agents.create'],
  ['GET', /^\/v1\/agents$/, 'agents.list'],
  ['GET', /^\/v1\/agents\/(?<id>[^/]+)$/, 'agents.get'],
  ['DELETE', /^\/v1\/agents\/(?<id>[^/]+)$/, 'agents.delete'],
  ['POST', /^\/v1\/agents\/(?<id>[^/]+)\/archive$/, 'agents.archive'],
  ['POST', /^\/v1\/agents\/(?<id>[^/]+)\/unarchive$/, 'agents.unarchive'],
  ['GET', /^\/v1\/agents\/(?<id>[^/]+)\/usage$/, 'agents.usage'],
  ['GET', /^\/v1\/agents\/(?<id>[^/]+)\/artifacts$/, 'artifacts.list'],
  ['GET', /^\/v1\/agents\/(?<id>[^/]+)\/artifacts\/download$/, 'artifacts.download'],
  ['POST', /^\/v1\/agents\/(?<id>[^/]+)\/runs$/, 'runs.create'],
  ['GET', /^\/v1\/agents\/(?<id>[^/]+)\/runs$/, 'runs.list'],
  ['GET', /^\/v1\/agents\/(?<id>[^/]+)\/runs\/(?<runId>[^/]+)$/, 'runs.get'],
  ['GET', /^\/v1\/agents\/(?<id>[^/]+)\/runs\/(?<runId>[^/]+)\/stream$/, 'runs.stream'],
  ['POST', /^\/v1\/agents\/(?<id>[^/]+)\/runs\/(?<runId>[^/]+)\/cancel$/, 'runs.cancel'],
];

export interface Route {
  readonly operation: OperationName;
  readonly params: Readonly<Record<string, string | undefined>>;
}

export function matchRoute(method: string, path: string): Route | undefined {
  for (const [wanted, pattern, operation] of routes) {
    const found = wanted === method ? pattern.exec(path) : null;
    if (found) return { operation, params: { ...found.groups } };
  }
  return undefined;
}
