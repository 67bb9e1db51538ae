import { readFileSync } from 'node:fs';
import { formatConfigErrors, parseConfig } from 'cyrus-core/config/parse';
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
  if (options.json)
    terminal.out(
      JSON.stringify({ file, ok: parsed.ok && mistakes.length === 0, errors: parsed.ok ? [] : parsed.error, warnings, prompts: mistakes }),
    );
  else if (parsed.ok) {
    if (prompts?.unknown) terminal.err(`warning: promptsDirectory: ${prompts.unknown}`);
    for (const warning of warnings) terminal.err(`warning: ${warning.path}: ${warning.message}`);
    const count = parsed.value.config.repositories.length;
    terminal.out(`${file} is valid: ${count} ${count === 1 ? 'repository' : 'repositories'}.`);
  }
  if (!parsed.ok) throw new CliError(options.json ? '' : formatConfigErrors(parsed.error, file), { code: exitCode.configuration });
  if (mistakes.length > 0) {
    const listed = mistakes.map((mistake) => `${mistake.file}, line ${mistake.line}: ${mistake.message}`);
    throw new CliError(options.json ? '' : listed.join('\n'), { code: exitCode.configuration });
  }
}
