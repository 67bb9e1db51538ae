import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type ConfigError, formatConfigErrors, type ParsedConfig, parseConfig } from 'cyrus-core/config/parse';
import type { Config } from 'cyrus-core/config/schema';
import { err, type Result } from 'cyrus-core/result';
import { CliError, exitCode } from './cli-error.ts';
import type { Terminal } from './terminal.ts';

/**
 * Reads the configuration of a file, with the environment over it. A missing file is an empty configuration.
 * @throws CliError 78 with every mistake at once
 */
export function loadConfig(file: string, environment: NodeJS.ProcessEnv, terminal: Terminal): Config {
  const parsed = readConfiguration(file, environment);
  if (!parsed.ok) {
    const { error } = parsed;
    if (typeof error !== 'string') throw new CliError(formatConfigErrors(error, file), { code: exitCode.configuration });
    throw new CliError(error, {
      code: exitCode.configuration,
      fix: 'Make it readable for this user, or name another home with --home.',
    });
  }
  for (const warning of parsed.value.warnings) terminal.err(`warning: ${warning.path}: ${warning.message}`);
  return parsed.value.config;
}

/** The same as a value: the configuration, its mistakes, or why the file cannot be read. */
export function readConfiguration(file: string, environment: NodeJS.ProcessEnv): Result<ParsedConfig, readonly ConfigError[] | string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') return err(`${dirname(file)} is a file, and no directory with a configuration in it.`);
    if (code !== 'ENOENT') return err(`${file} cannot be read: ${message}`);
    text = '{}';
  }
  return parseConfig(text, file, environment);
}
