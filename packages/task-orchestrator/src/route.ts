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
  | { readonly fits: true; readonly repository: Routable; readonly reason: string; readonly baseBranch?: string }
  /** `candidates`: those among which only a person can choose. */
  | { readonly fits: false; readonly reason: string; readonly candidates: readonly Routable[] };

/** What routing may know besides the issue. */
export interface RouteHints {
  /** What people said in the session, oldest first: a tag in there counts more than one in the issue. */
  readonly said: readonly string[];
  /** The repository a person chose when asked. */
  readonly chosen: string | null;
  /** Where the issue was worked on before. */
  readonly before: string | null;
}

const same = (a: string, b: string): boolean => a.trim().toLowerCase() === b.trim().toLowerCase();
const includes = (list: readonly string[], value: string | null | undefined): boolean => !!value && list.some((item) => same(item, value));

/** The value of `[name=value]`: of the last thing said that has one, else of the issue's text, where the first one counts. */
export function tagOf(issue: Pick<Issue, 'description' | 'title'>, name: string, said: readonly string[] = []): string | undefined {
  const tag = new RegExp(`\\[${name}=([^\\]\\s]{1,200})\\]`, 'i');
  return [...[...said].reverse(), `${issue.title}\n${issue.description}`].map((text) => tag.exec(text)?.[1]).find(Boolean);
}

const noHints: RouteHints = { said: [], chosen: null, before: null };

/**
 * Picks the repository: what a person chose, `[repo=NAME]` or `[repo=NAME#BRANCH]`, then labels, project, team, then the only one
 * of the workspace, then where the issue was worked on before. Pure; says why.
 */
export function routeRepository(issue: Issue, repositories: readonly Routable[], hints: RouteHints = noHints): Route {
  const here = repositories.filter((repository) => repository.workspace === null || repository.workspace === issue.workspace);
  const configured = here.map((repository) => repository.id).join(', ');
  if (here.length === 0)
    return { fits: false, reason: `no repository is configured for this workspace (\`${issue.workspace}\`)`, candidates: [] };
  const chosen = here.find((repository) => repository.id === hints.chosen);
  if (chosen) return { fits: true, repository: chosen, reason: 'chosen here' };
  const tag = tagOf(issue, 'repo', hints.said);
  if (tag) {
    const [name = '', branch] = tag.split('#', 2);
    const named = here.find((repository) => same(repository.id, name) || same(repository.name, name));
    if (named) return { fits: true, repository: named, reason: `the issue says [repo=${tag}]`, ...(branch ? { baseBranch: branch } : {}) };
    return { fits: false, reason: `the issue says [repo=${tag}], which is not configured (configured: ${configured})`, candidates: [] };
  }
  const before = here.find((repository) => repository.id === hints.before);
  const among = (found: readonly Routable[], reason: string): Route =>
    before && found.includes(before)
      ? { fits: true, repository: before, reason: 'the issue was worked on there before' }
      : { fits: false, reason: `${reason}: ${found.map((repository) => repository.id).join(', ')}`, candidates: found };
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
    if (found.length > 1) return among(found, `several repositories take this issue's ${step}`);
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
  if (open.length > 1) return among(open, 'several repositories could take it');
  if (before) return { fits: true, repository: before, reason: 'the issue was worked on there before' };
  const team = issue.details?.teamKey ?? 'unknown';
  return {
    fits: false,
    reason: `no repository takes this issue (team ${team}, labels ${labels.join(', ') || 'none'}); configured: ${configured}`,
    candidates: [],
  };
}

/** The candidate that an answer names, by id or name; undefined when it names none, or several. */
export function chosenFrom(candidates: readonly { readonly value: string; readonly label: string }[], answer: string): string | undefined {
  const exact = candidates.find(({ value, label }) => same(value, answer) || same(label, answer));
  if (exact) return exact.value;
  const words = new Set(answer.toLowerCase().split(/[^\w./-]+/));
  const named = candidates.filter(({ value, label }) => words.has(value.toLowerCase()) || words.has(label.toLowerCase()));
  return named.length === 1 ? named[0]?.value : undefined;
}

const procedureLabels: readonly (readonly [Procedure, readonly string[]])[] = [
  ['debugger', ['bug', 'debugger', 'defect', 'regression']],
  ['scoper', ['scoper', 'scope', 'investigate', 'research', 'question', 'prd']],
  ['documentation', ['docs', 'documentation']],
  ['builder', ['feature', 'builder', 'improvement', 'enhancement']],
];

/** Picks the kind of work from the issue's labels; `builder` when none says. */
export function routeProcedure(
  issue: Pick<Issue, 'details'>,
  repository: Pick<Routable, 'labelPrompts'>,
): { readonly procedure: Procedure; readonly reason: string; readonly labelled: boolean } {
  const labels = issue.details?.labels ?? [];
  for (const [procedure, names] of procedureLabels) {
    const configured = repository.labelPrompts[procedure] ?? [];
    const label = labels.find((candidate) => includes(configured, candidate));
    if (label) return { procedure, reason: `label ${label}`, labelled: true };
    if (configured.length > 0) continue;
    const usual = labels.find((candidate) => includes(names, candidate));
    if (usual) return { procedure, reason: `label ${usual}`, labelled: true };
  }
  return { procedure: 'builder', reason: 'no label says otherwise', labelled: false };
}

export function routeOptions(issue: Issue, said: readonly string[] = []): PlanOptions {
  const agent = tagOf(issue, 'agent', said);
  const model = tagOf(issue, 'model', said);
  return { ...(agent ? { agent } : {}), ...(model ? { model } : {}) };
}
