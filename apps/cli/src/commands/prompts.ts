import type { RepositoryConfig } from 'cyrus-core/config/schema';
import { type Procedure, procedures } from 'cyrus-core/domain/plan';
import { builtInTemplate } from 'cyrus-task-orchestrator/prompts';
import { builtInTemplates } from 'cyrus-task-orchestrator/prompts/built-in';
import { promptVariables } from 'cyrus-task-orchestrator/prompts/variables';
import { CliError, exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { homePrompts, mistakesIn, type PromptFiles, repositoryPrompts } from '../prompt-files.ts';
import { plain, table } from '../terminal.ts';

export interface PromptsOptions {
  readonly repo?: string;
  readonly json?: boolean;
}

interface Effective {
  readonly text: string;
  readonly from: string;
}

/** `cyrus prompts list`: which template each procedure uses, and where it is from. */
export async function promptsList(context: CommandContext, options: PromptsOptions): Promise<void> {
  const { terminal } = context;
  const layers = await layersOf(context, options.repo);
  const rows = procedures.map((procedure) => ({ name: procedure, from: effective(procedure, layers).from }));
  if (options.json) return terminal.out(JSON.stringify({ prompts: rows, parts: parts(), variables: promptVariables }));
  for (const line of table([['PROMPT', 'FROM'], ...rows.map(({ name, from }) => [name, plain(from)])])) terminal.out(line);
  terminal.err(`Parts, the same everywhere: ${parts().join(', ')}.`);
}

/** `cyrus prompts show NAME`: the template that is used, as it is written. */
export async function promptsShow(context: CommandContext, name: string, options: PromptsOptions): Promise<void> {
  const { terminal } = context;
  const isProcedure = (procedures as readonly string[]).includes(name);
  if (!isProcedure && !Object.hasOwn(builtInTemplates, name))
    throw new CliError(`There is no prompt ${name}.`, {
      code: exitCode.usage,
      fix: `There are ${[...procedures, ...parts()].join(', ')}.`,
    });
  const found = isProcedure
    ? effective(name as Procedure, await layersOf(context, options.repo))
    : { text: builtInTemplates[name] ?? '', from: builtIn };
  if (options.json) return terminal.out(JSON.stringify({ name, ...found }));
  terminal.err(`${name}: ${plain(found.from)}`);
  terminal.out(found.text.trimEnd());
}

/** `cyrus prompts check`: every mistake of every template of one's own; exits 78 when there is one. */
export async function promptsCheck(context: CommandContext, options: PromptsOptions): Promise<void> {
  const { terminal, home } = context;
  const config = context.config();
  const repositories = options.repo === undefined ? config.repositories : [repositoryOf(context, options.repo)];
  const places = [await homePrompts(home.directory, config)];
  for (const repository of repositories) places.push(await repositoryPrompts(home.directory, repository));
  const mistakes = places.flatMap((place) => mistakesIn(place).map((mistake) => ({ repository: place.repository, ...mistake })));
  if (options.json) {
    const seen = places.map(({ repository, templates, strays, unknown }) => ({
      repository,
      templates: [...templates.keys()],
      strays,
      unknown,
    }));
    terminal.out(JSON.stringify({ ok: mistakes.length === 0, mistakes, places: seen }));
  } else for (const place of places) tell(context, place);
  if (mistakes.length > 0)
    throw new CliError(options.json ? '' : `${mistakes.length} ${mistakes.length === 1 ? 'mistake' : 'mistakes'}.`, {
      code: exitCode.configuration,
      ...(options.json ? {} : { fix: 'Mend the lines named above. docs/prompts.md tells what a template may hold.' }),
    });
}

function tell({ terminal }: CommandContext, place: PromptFiles): void {
  const where = place.repository ?? 'all repositories';
  if (place.unknown) terminal.err(`warning: ${where}: ${plain(place.unknown)}`);
  for (const stray of place.strays)
    terminal.err(`warning: ${where}: ${plain(stray)} replaces nothing; there are ${procedures.map((one) => `${one}.md`).join(', ')}`);
  const mistakes = mistakesIn(place);
  for (const { from } of place.templates.values()) {
    const own = mistakes.filter(({ file }) => file === from);
    terminal.out(`${where}: ${plain(from)}: ${own.length === 0 ? 'fine' : 'not fine'}`);
    for (const { line, message } of own) terminal.out(`    line ${line}: ${plain(message)}`);
  }
  if (place.templates.size === 0 && !place.unknown) terminal.out(`${where}: nothing of its own`);
}

const builtIn = 'built in';
const parts = (): readonly string[] => Object.keys(builtInTemplates).filter((name) => !(procedures as readonly string[]).includes(name));

function repositoryOf(context: CommandContext, id: string): RepositoryConfig {
  const { repositories } = context.config();
  const found = repositories.find((repository) => repository.id === id || repository.name === id);
  if (found) return found;
  throw new CliError(`No repository is called ${id}.`, {
    code: exitCode.usage,
    fix: `Configured are: ${repositories.map((repository) => repository.id).join(', ') || 'none'}.`,
  });
}

/** Where templates of one's own may be, the first that counts first. */
async function layersOf(context: CommandContext, repo: string | undefined): Promise<readonly PromptFiles[]> {
  const { home, terminal } = context;
  const layers = repo === undefined ? [] : [await repositoryPrompts(home.directory, repositoryOf(context, repo))];
  layers.push(await homePrompts(home.directory, context.config()));
  for (const { repository, unknown } of layers)
    if (unknown) terminal.err(`warning: ${repository ?? 'all repositories'}: ${plain(unknown)}`);
  return layers;
}

function effective(procedure: Procedure, layers: readonly PromptFiles[]): Effective {
  const own = layers.map(({ templates }) => templates.get(procedure)).find((found) => found !== undefined);
  return own ?? { text: builtInTemplate(procedure), from: builtIn };
}
