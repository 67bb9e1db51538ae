import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { currentGeneration, defaultBranchFile } from 'cyrus-checkouts/generation';
import { componentOf } from 'cyrus-checkouts/names';
import type { Config, RepositoryConfig } from 'cyrus-core/config/schema';
import { type Procedure, procedures } from 'cyrus-core/domain/plan';
import { type FoundTemplate, homeTemplate, templateFile } from 'cyrus-edge-worker/jobs/prompt-template';
import { templateMistakes } from 'cyrus-task-orchestrator/prompts';
import { runCommand } from './demo/git.ts';

/** What replaces the built-in templates somewhere. */
export interface PromptFiles {
  /** The repository's id; null: the home, for all repositories. */
  readonly repository: string | null;
  readonly templates: ReadonlyMap<Procedure, FoundTemplate>;
  /** Files beside them that replace nothing. */
  readonly strays: readonly string[];
  /** Why nothing could be read; null: it was. */
  readonly unknown: string | null;
}

/** One mistake of a template. */
export interface PromptMistake {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

const promptsDirectory = (home: string, config: Config): string => resolve(home, config.promptsDirectory ?? 'prompts');

/** The templates of the home's directory. */
export async function homePrompts(home: string, config: Config): Promise<PromptFiles> {
  const directory = promptsDirectory(home, config);
  const names = await readdir(directory).catch(() => undefined);
  if (names === undefined) {
    const unknown = config.promptsDirectory === undefined ? null : `${directory} cannot be read (promptsDirectory)`;
    return { repository: null, templates: new Map(), strays: [], unknown };
  }
  const templates = new Map<Procedure, FoundTemplate>();
  for (const procedure of procedures) {
    const found = await homeTemplate(directory, procedure);
    if (found) templates.set(procedure, found);
  }
  return { repository: null, templates, strays: strays(names, directory), unknown: null };
}

/** The templates of a repository's base branch, as it was last fetched, or as the user's own checkout has it. */
export async function repositoryPrompts(home: string, repository: RepositoryConfig): Promise<PromptFiles> {
  const nothing = { repository: repository.id, templates: new Map(), strays: [] };
  const base = await baseOf(home, repository);
  if (!base) return { ...nothing, unknown: 'it was not fetched yet: start Cyrus once, or give its repositoryPath' };
  const folder = '.cyrus/prompts/';
  const listed = await git(base.directory, 'ls-tree', '-z', '--full-tree', base.ref, '--', folder);
  if (listed.code !== 0) return { ...nothing, unknown: `its base branch ${base.branch} cannot be read in ${base.directory}` };
  const entries = listed.output.split('\0').flatMap((entry) => {
    const [, mode, path] = /^(\d+) \w+ [0-9a-f]+\t(.+)$/s.exec(entry) ?? [];
    return mode && path ? [{ isFile: mode.startsWith('100'), path }] : [];
  });
  const templates = new Map<Procedure, FoundTemplate>();
  for (const procedure of procedures) {
    const path = templateFile(procedure);
    if (!entries.some((entry) => entry.isFile && entry.path === path)) continue;
    const shown = await git(base.directory, 'cat-file', 'blob', `${base.ref}:${path}`);
    if (shown.code === 0) templates.set(procedure, { text: shown.output, from: `${path} on ${base.branch}` });
  }
  const names = entries.map(({ path }) => path.slice(folder.length));
  return { repository: repository.id, templates, strays: strays(names, folder.slice(0, -1)), unknown: null };
}

export function mistakesIn({ templates }: PromptFiles): readonly PromptMistake[] {
  return [...templates.values()].flatMap(({ text, from }) => {
    const mistakes = text.trim() === '' ? [{ line: 1, message: 'it is empty' }] : templateMistakes(text);
    return mistakes.map((mistake) => ({ file: from, ...mistake }));
  });
}

function strays(names: readonly string[], directory: string): string[] {
  const known = procedures.map((procedure) => `${procedure}.md`);
  return names.filter((name) => !known.includes(name) && !name.startsWith('.')).map((name) => join(directory, name));
}

interface Base {
  readonly directory: string;
  readonly branch: string;
  readonly ref: string;
}

async function baseOf(home: string, { id, baseBranch, repositoryPath }: RepositoryConfig): Promise<Base | undefined> {
  const mirror = await currentGeneration(join(home, 'repos', `${componentOf(id)}.git`));
  const branch = baseBranch ?? (await readFile(join(mirror, defaultBranchFile), 'utf8').catch(() => undefined))?.trim();
  const places: Base[] = [];
  if (existsSync(mirror) && branch) places.push({ directory: mirror, branch, ref: `refs/remotes/origin/${branch}` });
  if (repositoryPath !== undefined) {
    if (baseBranch) {
      const directory = repositoryPath;
      places.push({ directory, branch: baseBranch, ref: `refs/remotes/origin/${baseBranch}` });
      places.push({ directory, branch: baseBranch, ref: `refs/heads/${baseBranch}` });
    } else {
      places.push({ directory: repositoryPath, branch: 'the default branch', ref: 'refs/remotes/origin/HEAD' });
      places.push({ directory: repositoryPath, branch: 'HEAD', ref: 'HEAD' });
    }
  }
  for (const place of places) {
    const { code } = await git(place.directory, 'rev-parse', '--verify', '--quiet', `${place.ref}^{commit}`);
    if (code === 0) return place;
  }
  return undefined;
}

const git = (directory: string, ...args: string[]): ReturnType<typeof runCommand> =>
  runCommand('git', ['-C', directory, ...args], '/', {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'safe.directory',
    GIT_CONFIG_VALUE_0: '*',
  });
