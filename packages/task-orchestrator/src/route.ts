import type { Issue } from 'cyrus-core/domain/issue';
import type { PlanOptions, Procedure } from 'cyrus-core/domain/plan';

/** What routing knows of a repository. */
export interface Routable {
  readonly id: string;
  readonly name: string;
  readonly workspace: string | null;
  readonly teamKeys: readonly string[];
  readonly projectKeys: readonly string[];
  readonly routingLabels: readonly string[];
  /** Labels that pick a procedure here, by procedure. */
  readonly labelPrompts: Readonly<Partial<Record<Procedure, readonly string[]>>>;
}

export type Route =
  | { readonly fits: true; readonly repository: Routable; readonly reason: string }
  | { readonly fits: false; readonly reason: string };

const same = (a: string, b: string): boolean => a.trim().toLowerCase() === b.trim().toLowerCase();
const includes = (list: readonly string[], value: string | null | undefined): boolean => !!value && list.some((item) => same(item, value));

/** The value of `[name=value]` in the issue's text; the first one counts. */
export function tagOf(issue: Pick<Issue, 'description' | 'title'>, name: string): string | undefined {
  return new RegExp(`\\[${name}=([^\\]\\s]{1,200})\\]`, 'i').exec(`${issue.title}\n${issue.description}`)?.[1];
}

/** Picks the repository: `[repo=…]`, then labels, project, team, then the only one of the workspace. Pure; says why. */
export function routeRepository(issue: Issue, repositories: readonly Routable[]): Route {
  const here = repositories.filter((repository) => repository.workspace === null || repository.workspace === issue.workspace);
  if (here.length === 0) return { fits: false, reason: `no repository is configured for this workspace (\`${issue.workspace}\`)` };
  const tag = tagOf(issue, 'repo');
  if (tag) {
    const named = here.find((repository) => same(repository.id, tag) || same(repository.name, tag));
    if (named) return { fits: true, repository: named, reason: `the issue says [repo=${tag}]` };
    return {
      fits: false,
      reason: `the issue says [repo=${tag}], which is not configured (configured: ${here.map((r) => r.id).join(', ')})`,
    };
  }
  const labels = issue.details?.labels ?? [];
  const ladder: readonly (readonly [string, (repository: Routable) => boolean])[] = [
    ['label', (repository) => labels.some((label) => includes(repository.routingLabels, label))],
    [
      'project',
      (repository) =>
        includes(repository.projectKeys, issue.details?.projectName) || includes(repository.projectKeys, issue.details?.projectId),
    ],
    ['team', (repository) => includes(repository.teamKeys, issue.details?.teamKey ?? issue.identifier.split('-')[0])],
  ];
  for (const [step, fits] of ladder) {
    const found = here.filter(fits);
    const [first] = found;
    if (first && found.length === 1) return { fits: true, repository: first, reason: `it takes this issue's ${step}` };
    if (found.length > 1)
      return {
        fits: false,
        reason: `several repositories take this issue's ${step}: ${found.map((r) => r.id).join(', ')}; name one with [repo=…]`,
      };
  }
  const open = here.filter(
    (repository) => !repository.teamKeys.length && !repository.projectKeys.length && !repository.routingLabels.length,
  );
  const [only] = open;
  if (only && open.length === 1)
    return {
      fits: true,
      repository: only,
      reason: here.length === 1 ? 'the only repository configured' : 'the only one without conditions',
    };
  if (open.length > 1)
    return { fits: false, reason: `several repositories could take it: ${open.map((r) => r.id).join(', ')}; name one with [repo=…]` };
  return {
    fits: false,
    reason: `no repository takes this issue (team ${issue.details?.teamKey ?? 'unknown'}, labels ${labels.join(', ') || 'none'}); configured: ${here.map((r) => r.id).join(', ')}`,
  };
}

const procedureLabels: readonly (readonly [Procedure, readonly string[]])[] = [
  ['debugger', ['bug', 'debugger', 'defect', 'regression']],
  ['scoper', ['scoper', 'scope', 'investigate', 'research', 'question', 'prd']],
  ['builder', ['feature', 'builder', 'improvement', 'enhancement']],
];

/** Picks the kind of work from the issue's labels; `builder` when none says. */
export function routeProcedure(issue: Issue, repository: Routable): { readonly procedure: Procedure; readonly reason: string } {
  const labels = issue.details?.labels ?? [];
  for (const [procedure, names] of procedureLabels) {
    const configured = repository.labelPrompts[procedure] ?? [];
    const label = labels.find((candidate) => includes(configured, candidate));
    if (label) return { procedure, reason: `label ${label}` };
    if (configured.length > 0) continue;
    const usual = labels.find((candidate) => includes(names, candidate));
    if (usual) return { procedure, reason: `label ${usual}` };
  }
  return { procedure: 'builder', reason: 'no label says otherwise' };
}

export function routeOptions(issue: Issue): PlanOptions {
  const agent = tagOf(issue, 'agent');
  const model = tagOf(issue, 'model');
  return { ...(agent ? { agent } : {}), ...(model ? { model } : {}) };
}
