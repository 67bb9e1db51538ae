import { readFileSync } from 'node:fs';
import type { ConfigWarning } from 'cyrus-core/config/known-keys';
import { type ConfigError, formatConfigErrors, parseConfig } from 'cyrus-core/config/parse';
import type { Config } from 'cyrus-core/config/schema';
import { loadServers } from 'cyrus-edge-worker/mcp/load-servers';
import { CliError, exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { homePrompts, mistakesIn } from '../prompt-files.ts';

/** `cyrus config validate [FILE]`: every mistake at once; exits 78 when there is one. */
export async function configValidate(
  { home, terminal, environment }: CommandContext,
  given: string | undefined,
  options: { readonly json?: boolean },
): Promise<void> {
  const file = given ?? home.configFile;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(`${file} cannot be read: ${(error as Error).message}`, {
      code: exitCode.configuration,
      fix: 'Name the file: cyrus config validate FILE',
    });
  }
  const parsed = parseConfig(text, file, environment);
  const warnings = parsed.ok ? parsed.value.warnings : [];
  const prompts = parsed.ok ? await homePrompts(home.directory, parsed.value.config) : undefined;
  const mistakes = prompts ? mistakesIn(prompts) : [];
  const mcp = parsed.ok ? await mcpFiles(home.directory, parsed.value.config, environment) : { errors: [], warnings: [] };
  const ok = parsed.ok && mistakes.length === 0 && mcp.errors.length === 0;
  if (options.json)
    terminal.out(
      JSON.stringify({
        file,
        ok,
        errors: parsed.ok ? mcp.errors : parsed.error,
        warnings: [...warnings, ...mcp.warnings],
        prompts: mistakes,
      }),
    );
  else if (parsed.ok) {
    if (prompts?.unknown) terminal.err(`warning: promptsDirectory: ${prompts.unknown}`);
    for (const warning of [...warnings, ...mcp.warnings]) terminal.err(`warning: ${warning.path}: ${warning.message}`);
    const count = parsed.value.config.repositories.length;
    terminal.out(`${file} is valid: ${count} ${count === 1 ? 'repository' : 'repositories'}.`);
  }
  if (!parsed.ok) throw new CliError(options.json ? '' : formatConfigErrors(parsed.error, file), { code: exitCode.configuration });
  if (mcp.errors.length > 0)
    throw new CliError(options.json ? '' : formatConfigErrors(mcp.errors, 'MCP servers'), { code: exitCode.configuration });
  if (mistakes.length > 0) {
    const listed = mistakes.map((mistake) => `${mistake.file}, line ${mistake.line}: ${mistake.message}`);
    throw new CliError(options.json ? '' : listed.join('\n'), { code: exitCode.configuration });
  }
}

/** What is wrong in the files of MCP servers that the configuration names; each file is told of once. */
async function mcpFiles(
  home: string,
  { repositories }: Config,
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly errors: readonly ConfigError[]; readonly warnings: readonly ConfigWarning[] }> {
  const read = await Promise.all(repositories.map((repository) => loadServers(home, repository, environment)));
  const once = <T extends { readonly path: string }>(all: readonly T[]): readonly T[] => [
    ...new Map(all.map((one) => [one.path, one])).values(),
  ];
  return {
    errors: once(read.flatMap((one) => (one.ok ? [] : one.error))),
    warnings: once(read.flatMap((one) => (one.ok ? one.value.warnings : []))),
  };
}
