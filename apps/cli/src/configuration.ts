import { readFileSync } from 'node:fs';
import { formatConfigErrors, parseConfig } from 'cyrus-core/config/parse';
import type { Config } from 'cyrus-core/config/schema';
import { CliError, exitCode } from './cli-error.ts';
import type { Terminal } from './terminal.ts';

/**
 * Reads the configuration of a file, with the environment over it. A missing file is an empty configuration.
 * @throws CliError 78 with every mistake at once
 */
export function loadConfig(file: string, environment: NodeJS.ProcessEnv, terminal: Terminal): Config {
  const parsed = parseConfig(readConfig(file), file, environment);
  if (!parsed.ok) throw new CliError(formatConfigErrors(parsed.error, file), { code: exitCode.configuration });
  for (const warning of parsed.value.warnings) terminal.err(`warning: ${warning.path}: ${warning.message}`);
  return parsed.value.config;
}

function readConfig(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '{}';
    throw new CliError(`${file} cannot be read: ${(error as Error).message}`, {
      code: exitCode.configuration,
      fix: 'Make it readable for this user, or name another home with --home.',
    });
  }
}
