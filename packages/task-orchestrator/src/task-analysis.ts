import type { IssueDetails } from 'cyrus-core/domain/issue';
import type { Procedure } from 'cyrus-core/domain/plan';
import { tagOf } from './route.ts';

export const complexities = ['low', 'medium', 'high'] as const;
export type Complexity = (typeof complexities)[number];

/** What a choice may know of a task's work. */
export interface TaskAnalysis {
  /** `orchestrator`: work that is split into more; else as the task's procedure. */
  readonly type: Procedure;
  readonly complexity: Complexity;
  /** Its work must not share a machine with anything: only an isolated executor gets it. */
  readonly requiresIsolation: boolean;
  /** `local-only`: it needs what is on this machine alone. */
  readonly requiresContext: 'local-only' | 'cloud-accessible' | 'any';
  readonly requiresParallelExecution: boolean;
  readonly urgency: 'low' | 'normal' | 'high';
  readonly labels: readonly string[];
  /** Why it is taken for that, in words. */
  readonly reasons: readonly string[];
  /** The model that had a look; null: told from the issue by rules alone. */
  readonly refinedBy: string | null;
}

/** What is known of a task before it runs. */
export interface TaskText {
  readonly title: string;
  readonly description: string;
  readonly procedure: Procedure;
  /** A label or a person chose the procedure; false: nothing said otherwise. */
  readonly procedureChosen: boolean;
  readonly details: Pick<IssueDetails, 'labels' | 'hasChildren' | 'hasParent' | 'priority' | 'subIssues' | 'estimate'> | null;
  /** What people said in the session, oldest first: a tag in there counts more than one in the issue. */
  readonly said: readonly string[];
}

const finished = new Set(['completed', 'canceled', 'duplicate']);
const smallLabels = ['good first issue', 'small', 'trivial', 'easy', 'chore', 'typo', 'size: s', 'size: xs', 'size/s', 'size/xs'];
const largeLabels = ['large', 'epic', 'complex', 'size: l', 'size: xl', 'size/l', 'size/xl'];
const isolationLabels = ['isolation', 'isolated', 'untrusted', 'sandbox'];
const localLabels = ['local-only', 'local only', 'on-premises'];
const parallelLabels = ['parallel'];
const urgentLabels = ['urgent', 'critical', 'hotfix', 'p0', 'incident', 'outage'];
const orchestratorLabels = ['orchestrator', 'orchestrate', 'epic'];
const wideWork = /\b(?:refactor\w*|migrat\w*|rewrit\w*|redesign\w*|architecture|across (?:the|all)|everywhere|end[- ]to[- ]end)\b/i;
const slightWork = /\b(?:typos?|rename|bump|wording|spelling|comment)\b/i;
const fileName =
  /(?:^|[\s`'"(])((?:[\w.-]+\/)*[\w-]+\.(?:[cm]?[jt]sx?|py|go|rs|rb|java|kt|cs|cpp|[ch]|swift|php|sql|sh|ya?ml|json|toml|css|html|md|vue|svelte))\b/g;

/** Tells what kind of work a task is from its issue alone. Pure; the same text gives the same answer. */
export function analyseTask(text: TaskText): TaskAnalysis {
  const labels = text.details?.labels ?? [];
  const tag = (name: string): string | undefined => tagOf(text, name, text.said)?.toLowerCase();
  const reasons: string[] = [];
  const because = <T>(value: T, reason: string): T => {
    reasons.push(reason);
    return value;
  };
  const type = typeOf(text, labelled(text, orchestratorLabels), because);
  return {
    type,
    complexity: complexityOf(text, type, because),
    requiresIsolation: isolationOf(labelled(text, isolationLabels), tag('isolation'), because),
    requiresContext: contextOf(labelled(text, localLabels), tag('context'), because),
    requiresParallelExecution: parallelOf(text, labelled(text, parallelLabels), tag('parallel'), because),
    urgency: urgencyOf(text, labelled(text, urgentLabels), because),
    labels,
    reasons,
    refinedBy: null,
  };
}

type Because = <T>(value: T, reason: string) => T;

function typeOf(text: TaskText, orchestrate: string | undefined, because: Because): Procedure {
  if (text.procedureChosen && text.procedure !== 'builder') return because(text.procedure, `${text.procedure}: its label says so`);
  if (orchestrate) return because('orchestrator', `orchestrator: label ${orchestrate}`);
  if (text.procedureChosen) return because(text.procedure, `${text.procedure}: its label says so`);
  if (text.details?.hasChildren) return because('orchestrator', 'orchestrator: the issue has sub-issues');
  if (text.details?.hasParent) return because(text.procedure, `${text.procedure}: it is a sub-issue`);
  return because(text.procedure, `${text.procedure}: nothing says otherwise`);
}

function complexityOf(text: TaskText, type: Procedure, because: Because): Complexity {
  const said = saidComplexity(text);
  if (said) return because(said.complexity, `${said.complexity}: ${said.reason}`);
  const signs = signsOf(text, type);
  const score = signs.reduce((sum, [weight]) => sum + weight, 0);
  const size = score <= 0 ? 'low' : score <= 3 ? 'medium' : 'high';
  return because(size, `${size}: ${signs.map(([, sign]) => sign).join(', ')}`);
}

/** What people say of the size: with a tag, a label or points; undefined: nothing. */
export function saidComplexity(
  text: Pick<TaskText, 'title' | 'description' | 'said' | 'details'>,
): { readonly complexity: Complexity; readonly reason: string } | undefined {
  const tag = tagOf(text, 'complexity', text.said)?.toLowerCase();
  const said = complexities.find((one) => one === tag);
  if (said) return { complexity: said, reason: `the issue says [complexity=${said}]` };
  const small = labelled(text, smallLabels);
  if (small) return { complexity: 'low', reason: `label ${small}` };
  const large = labelled(text, largeLabels);
  if (large) return { complexity: 'high', reason: `label ${large}` };
  const points = text.details?.estimate ?? 0;
  if (points <= 0) return undefined;
  const reason = `estimated at ${points} ${points === 1 ? 'point' : 'points'}`;
  return { complexity: points <= 2 ? 'low' : points <= 5 ? 'medium' : 'high', reason };
}

const labelled = ({ details }: Pick<TaskText, 'details'>, names: readonly string[]): string | undefined =>
  details?.labels.find((label) => names.includes(label.trim().toLowerCase()));

/** What speaks for more or less work, with its weight. */
function signsOf(text: TaskText, type: Procedure): readonly (readonly [number, string])[] {
  const all = `${text.title}\n${text.description}`;
  const words = all.split(/\s+/).filter(Boolean).length;
  const files = new Set([...all.matchAll(fileName)].map((match) => match[1])).size;
  const items = all.split('\n').filter((line) => /^\s*(?:[-*+]|\d+[.)])\s+\S/.test(line)).length;
  const openSubIssues = openSubIssuesOf(text);
  const signs: (readonly [number, string])[] = [[words <= 60 ? 0 : words <= 250 ? 1 : 2, words <= 60 ? 'few words' : `${words} words`]];
  if (files > 1) signs.push([files <= 4 ? 1 : 2, `${files} files named`]);
  if (items >= 4) signs.push([items < 10 ? 1 : 2, `${items} points listed`]);
  if (openSubIssues > 0) signs.push([openSubIssues < 3 ? 1 : 2, `${openSubIssues} open sub-${openSubIssues === 1 ? 'issue' : 'issues'}`]);
  if (type === 'debugger') signs.push([1, 'the cause has to be found first']);
  const wide = wideWork.exec(all)?.[0];
  if (wide) signs.push([2, `it speaks of "${wide.toLowerCase()}"`]);
  const slight = slightWork.exec(text.title)?.[0];
  if (slight) signs.push([-2, `its title speaks of "${slight.toLowerCase()}"`]);
  return signs;
}

const openSubIssuesOf = (text: TaskText): number =>
  (text.details?.subIssues ?? []).filter((issue) => !finished.has(issue.stateType ?? '')).length;

const yes = (tag: string | undefined): boolean => tag !== undefined && ['yes', 'true', 'required', '1'].includes(tag);

function isolationOf(label: string | undefined, tag: string | undefined, because: Because): boolean {
  if (label) return because(true, `needs isolation: label ${label}`);
  return yes(tag) ? because(true, `needs isolation: the issue says [isolation=${tag}]`) : false;
}

function contextOf(label: string | undefined, tag: string | undefined, because: Because): TaskAnalysis['requiresContext'] {
  if (label) return because('local-only', `stays on this machine: label ${label}`);
  if (tag === 'local' || tag === 'local-only') return because('local-only', `stays on this machine: the issue says [context=${tag}]`);
  if (tag === 'cloud' || tag === 'cloud-accessible') return because('cloud-accessible', `the issue says [context=${tag}]`);
  return 'any';
}

function parallelOf(text: TaskText, label: string | undefined, tag: string | undefined, because: Because): boolean {
  if (label) return because(true, `parts side by side: label ${label}`);
  if (yes(tag)) return because(true, `parts side by side: the issue says [parallel=${tag}]`);
  const open = openSubIssuesOf(text);
  return open > 1 ? because(true, `parts side by side: ${open} open sub-issues`) : false;
}

function urgencyOf(text: TaskText, label: string | undefined, because: Because): TaskAnalysis['urgency'] {
  if (label) return because('high', `urgent: label ${label}`);
  const priority = text.details?.priority?.toLowerCase() ?? '';
  if (priority === 'urgent') return because('high', 'urgent: priority Urgent');
  return priority === 'low' ? because('low', 'not urgent: priority Low') : 'normal';
}

/** What is assumed of a task that nobody has looked at. */
export function unknownTask(procedure: Procedure): TaskAnalysis {
  return {
    type: procedure,
    complexity: 'medium',
    requiresIsolation: false,
    requiresContext: 'any',
    requiresParallelExecution: false,
    urgency: 'normal',
    labels: [],
    reasons: [],
    refinedBy: null,
  };
}
