import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mirror } from 'cyrus-checkouts/mirror';
import type { Procedure } from 'cyrus-core/domain/plan';
import { type Failure, FailureError } from 'cyrus-core/failure';
import { templateMistakes } from 'cyrus-task-orchestrator/prompts';
import { readTreeFiles } from './tree-files.ts';

/** A template that replaces a built-in one. `from` says where it is, for a person. */
export interface FoundTemplate {
  readonly text: string;
  readonly from: string;
}

/** Where a repository keeps its own template of a procedure. */
export const templateFile = (procedure: Procedure): string => `.cyrus/prompts/${procedure}.md`;

/** The repository's own template at a commit. It is read from the mirror: what an agent writes into its checkout counts for nothing. */
export async function repositoryTemplate(mirror: Mirror, sha: string, procedure: Procedure): Promise<FoundTemplate | undefined> {
  const path = templateFile(procedure);
  const file = (await readTreeFiles(mirror, sha, [path])).get(path);
  return file && { text: file.content, from: `${path} at ${sha.slice(0, 12)}` };
}

/** The template of the home's directory. @throws FailureError when it is there and cannot be read */
export async function homeTemplate(directory: string, procedure: Procedure): Promise<FoundTemplate | undefined> {
  const path = join(directory, `${procedure}.md`);
  try {
    return { text: await readFile(path, 'utf8'), from: path };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw new FailureError({ class: 'invalid_request', message: `The prompt ${path} cannot be read: ${(error as Error).message}` });
  }
}

/** What is wrong with a template, or undefined. Names the file, the lines, the variables and what is allowed. */
export function templateFailure(found: FoundTemplate): Failure | undefined {
  const mistakes = found.text.trim() === '' ? [{ line: 1, message: 'it is empty' }] : templateMistakes(found.text);
  if (mistakes.length === 0) return undefined;
  // What is allowed is long, and the same each time.
  const listed = mistakes
    .slice(0, 5)
    .map(({ line, message }, at) => `line ${line}: ${at === 0 ? message : message.replace(/\.? Allowed: .*$/, '')}`);
  return {
    class: 'invalid_request',
    message: `The prompt ${found.from} has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}: ${listed.join('; ')}.`,
    fix: 'Mend it on the base branch (cyrus prompts check shows what is wrong), then write here to try again.',
  };
}

/** The template to use instead of the built-in one: the repository's, else the home's. @throws FailureError for one with mistakes */
export async function effectiveTemplate(
  mirror: Mirror,
  sha: string,
  procedure: Procedure,
  directory: string | undefined,
): Promise<FoundTemplate | undefined> {
  const own = await repositoryTemplate(mirror, sha, procedure);
  const found = own ?? (directory === undefined ? undefined : await homeTemplate(directory, procedure));
  const failure = found && templateFailure(found);
  if (failure) throw new FailureError(failure);
  return found;
}
