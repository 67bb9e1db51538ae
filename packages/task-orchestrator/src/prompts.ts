import type { Issue } from 'cyrus-core/domain/issue';
import type { Procedure } from 'cyrus-core/domain/plan';
import { block, inline } from './prompts/blocks.ts';
import { builtInTemplates } from './prompts/built-in.ts';
import { namesIn, parseTemplate, renderNodes, type TemplateMistake, type TemplateNode, type TemplateValue } from './prompts/template.ts';
import { endsWithCommits, issueParts, messageBlock, type PromptParts, promptValues } from './prompts/values.ts';
import { alwaysSaid, isStable, type PromptVariable, partsOf, promptVariableNames } from './prompts/variables.ts';

export interface Prompt {
  /** What is the same for all issues of a repository, so that a provider's cache can hold it: for the system prompt. */
  readonly system: string;
  /** The task. It always holds the whole of it, because a conversation to resume may turn out to be gone. */
  readonly prompt: string;
}

/** A template in words for whoever wrote it; empty: it is fine. */
export function templateMistakes(source: string): readonly TemplateMistake[] {
  const parsed = parseTemplate(source, promptVariableNames);
  return parsed.ok ? [] : parsed.mistakes;
}

/** The built-in template of a procedure. */
export const builtInTemplate = (procedure: Procedure): string => builtInTemplates[procedure] ?? '';

const part = (name: string, values: Readonly<Record<string, TemplateValue>>): string => {
  const names = Object.fromEntries(Object.keys(values).map((key) => [key, {}]));
  const parsed = parseTemplate(builtInTemplates[name] ?? '', names);
  if (!parsed.ok) throw new Error(`the built-in template ${name}.md: ${parsed.mistakes[0]?.message}`);
  return renderNodes(parsed.nodes, values, listText);
};

function listText(name: string, items: readonly string[]): string {
  if (name === 'checks') return `These commands decide whether the work is accepted:\n${items.map((item) => `- ${item}`).join('\n')}`;
  return items.join(name === 'issue.labels' ? ', ' : '\n\n');
}

/**
 * The prompt of one attempt. The template's beginning, up to the paragraph that first names something of the issue, is for the system prompt.
 * What the template does not place is added behind, so that no template can leave out the rules or the task.
 * @throws Error for a template with mistakes: they are found when it is read (`templateMistakes`)
 */
export function renderPrompt(parts: PromptParts): Prompt {
  const parsed = parseTemplate(parts.template ?? builtInTemplate(parts.procedure), promptVariableNames);
  if (!parsed.ok) throw new Error(`line ${parsed.mistakes[0]?.line}: ${parsed.mistakes[0]?.message}`);
  const values = promptValues(parts, {
    rules: part('rules', {
      commits: endsWithCommits(parts.procedure),
      push: endsWithCommits(parts.procedure) && parts.remote ? inline(parts.remote.pushBranch) : '',
      start: inline(parts.remote?.startBranch ?? ''),
    }),
    followUp: part('follow-up', {}),
  });
  const placed = new Set(parsed.nodes.flatMap(namesIn));
  const isPlaced = (name: PromptVariable): boolean => placed.has(name) || (partsOf[name]?.every((one) => placed.has(one)) ?? false);
  const missing = alwaysSaid.filter((name) => !isPlaced(name));
  const asNodes = (names: readonly PromptVariable[]): TemplateNode[] =>
    names.flatMap((name) => [
      { type: 'text', text: '\n\n' },
      { type: 'value', name },
    ]);
  const [first, rest] = splitAtOwn(parsed.nodes);
  return {
    system: renderNodes([...first, ...asNodes(missing.filter(isStable))], values, listText),
    prompt: renderNodes([...rest, ...asNodes(missing.filter((name) => !isStable(name)))], values, listText),
  };
}

/** In front of the paragraph that first names something of the issue. */
function splitAtOwn(nodes: readonly TemplateNode[]): readonly [readonly TemplateNode[], readonly TemplateNode[]] {
  const at = nodes.findIndex((node) => !namesIn(node).every(isStable));
  if (at < 0) return [nodes, []];
  for (let from = at - 1; from >= 0; from--) {
    const node = nodes[from];
    const end = node?.type === 'text' ? node.text.lastIndexOf('\n\n') : -1;
    if (node?.type !== 'text' || end < 0) continue;
    const head: TemplateNode = { type: 'text', text: node.text.slice(0, end) };
    const tail: TemplateNode = { type: 'text', text: node.text.slice(end) };
    return [
      [...nodes.slice(0, from), head],
      [tail, ...nodes.slice(from + 1)],
    ];
  }
  return [[], nodes];
}

/** An issue for an agent that asks for it: marked, as in a prompt. */
export const describeIssue = (issue: Issue): string => issueParts(issue).join('\n\n');

/** One message for an agent that is at work. */
export function steeringText(message: { readonly authorName: string | null; readonly body: string }): string {
  return part('steering', { message: messageBlock(message) });
}

interface Learned {
  readonly checks: (output: string) => string;
  readonly nothing: string;
  readonly lost: string;
  readonly failed: (message: string) => string;
}

/** What the next attempt is told of the one before. */
export const learnedFrom: Learned = {
  checks: (output: string): string => part('learned-checks', { output: block('checks', output) }),
  nothing: part('learned-nothing', {}),
  lost: part('learned-lost', {}),
  failed: (message: string): string => part('learned-failed', { failure: inline(message) }),
};
