import type { AttemptKey, ExecutionRequest } from 'cyrus-executor-interface/executor';

export interface PromptOptions {
  /** False: those that the organisation has set up are to be left alone. */
  readonly mcpServers: boolean;
}

/**
 * The prompt of a run: the service has no fields for branches, tools or rules, so all of it is said in words, always in the same places.
 * Pure. What people wrote is put in once and not looked at again: nothing in it can stand for a section of its own.
 */
export function codegenPrompt(request: ExecutionRequest, key: AttemptKey, options: PromptOptions): string {
  const { remote } = request;
  return render(template, {
    task: request.prompt.trim(),
    context: list([
      remote && `Repository: ${remote.repositoryName ?? remote.repositoryUrl}`,
      remote && `Base Branch: \`${remote.baseBranch}\``,
      remote &&
        `Start Branch: \`${remote.startBranch}\` (${remote.startSha && `its head is ${remote.startSha}; `}begin there, whatever the default branch is)`,
      remote && !request.readOnly && `Push Branch: \`${remote.pushBranch}\``,
      attemptLine(key),
    ]),
    instructions: request.systemContext?.trim() || 'Follow the patterns of the code that is there.',
    criteria: acceptanceCriteria(request.prompt) ?? 'As the task above says.',
    constraints: list([
      request.readOnly && 'Change no file, push nothing, open no pull request: commands that only read are fine.',
      request.editable && `Change only files that match: ${request.editable.join(', ')}`,
      request.allowedTools && `Use only these tools, or what corresponds to them: ${request.allowedTools.join(', ')}`,
      request.disallowedTools?.length && `Do not use: ${request.disallowedTools.join(', ')}`,
      !options.mcpServers && 'Use no MCP server and no integration, whatever is offered',
      request.maxTurns !== undefined && `Take at most ${request.maxTurns} steps`,
      `Be done within ${Math.max(1, Math.round(request.timeoutMs / 60_000))} minutes`,
      'Write no secret into files, commits or messages',
    ]),
    success: list(
      request.readOnly
        ? ['Your final answer is the document that was asked for, in Markdown.']
        : [
            'The tests of the repository pass, those for this change among them.',
            remote && `Everything is committed and pushed to \`${remote.pushBranch}\`.`,
            remote &&
              `One pull request of \`${remote.pushBranch}\` against \`${remote.baseBranch}\` is open, as a draft where that is possible. It only shows the work: do not merge it.`,
            'Your final answer says in a few sentences what was done and why.',
          ],
    ),
  });
}

/** By this a run's log shows which attempt a message in it was for. */
export const attemptLine = (key: AttemptKey): string => `Attempt: ${key.attemptId}.${key.number}`;

const template = `# Task

{{task}}

## Repository Context

{{context}}

## Instructions

{{instructions}}

## Acceptance Criteria

{{criteria}}

## Constraints

{{constraints}}

## Success Criteria

{{success}}
`;

type Part = 'task' | 'context' | 'instructions' | 'criteria' | 'constraints' | 'success';

/** @throws Error where the template and its parts do not belong together */
function render(text: string, parts: Readonly<Record<Part, string>>): string {
  const left = new Set(Object.keys(parts));
  const rendered = text.replaceAll(/\{\{(\w+)\}\}/g, (_whole, name: string) => {
    if (!left.delete(name)) throw new Error(`the template names ${name}, which there is not once`);
    return parts[name as Part];
  });
  if (left.size > 0) throw new Error(`the template leaves out ${[...left].join(', ')}`);
  return rendered;
}

const list = (lines: readonly (string | false | 0 | undefined)[]): string =>
  lines
    .filter((line) => typeof line === 'string')
    .map((line) => `- ${line}`)
    .join('\n');

const heading = /^ {0,3}(?:#{1,6} +|\*\*)(?:acceptance criteria|definition of done|критерии при[её]мки)[:*\s]*$/im;

/** The section that people wrote under that heading, up to the next one; undefined where there is none. */
function acceptanceCriteria(text: string): string | undefined {
  const found = heading.exec(text);
  if (!found) return undefined;
  const rest = text.slice(found.index + found[0].length);
  const end = rest.search(/^ {0,3}(?:#{1,6} |\*\*[^*]+\*\*:?\s*$|<\/)/m);
  const section = (end < 0 ? rest : rest.slice(0, end)).trim();
  return section === '' ? undefined : section;
}
