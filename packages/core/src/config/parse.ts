import { err, ok, type Result } from '../result.ts';
import { withOurNames } from './aliases.ts';
import { type CrossMistake, crossMistakes, crossWarnings } from './cross-checks.ts';
import { type Environment, mergeEnvironment } from './environment.ts';
import { explainIssue } from './explain-issue.ts';
import { findJsonMistake } from './json-mistake.ts';
import { configJsonSchema, type JsonSchema } from './json-schema.ts';
import { type ConfigWarning, unknownKeys } from './known-keys.ts';
import { type Path, pathText, shown } from './mask.ts';
import { type Config, configSchema } from './schema.ts';
import { withSharedToken } from './shared-token.ts';

/** One mistake, told so that it can be mended without reading the documentation. No secret in it. */
export interface ConfigError {
  /** `repositories[0].repositoryPath`, or `line 3, column 7` where the text is no JSON. */
  readonly path: string;
  /** What is there now, short; tokens are hidden. */
  readonly value: string;
  readonly allowed: string;
  readonly fix: string;
}

export interface ParsedConfig {
  readonly config: Config;
  /** Nothing that stops Cyrus: unknown keys, limits that cannot be held. */
  readonly warnings: readonly ConfigWarning[];
}

/**
 * Reads the text of a `config.json`, with the environment's values over the file's. Every mistake is told at once.
 * @param source the file's name, for the messages
 */
export function parseConfig(text: string, source: string, environment: Environment = {}): Result<ParsedConfig, readonly ConfigError[]> {
  const bare = text.replace(/^\uFEFF/, '');
  if (bare.trim() === '') {
    return err([{ path: source, value: 'an empty file', allowed: 'a JSON object', fix: 'write {} for the defaults' }]);
  }
  const mistake = findJsonMistake(bare);
  if (mistake) {
    const path = `line ${mistake.line}, column ${mistake.column}`;
    return err([{ path, value: mistake.found, allowed: mistake.expected, fix: `${source} is not valid JSON from here on` }]);
  }
  return checkConfig(JSON.parse(bare), environment);
}

let schemaOnce: JsonSchema | undefined;

function knownKeys(): JsonSchema {
  schemaOnce ??= configJsonSchema();
  return schemaOnce;
}

/** Checks configuration values that are no text: defaults filled in, environment over them. */
export function checkConfig(file: unknown, environment: Environment = {}): Result<ParsedConfig, readonly ConfigError[]> {
  if (typeof file !== 'object' || file === null || Array.isArray(file)) {
    return err([{ path: pathText([]), value: shown([], file), allowed: 'a JSON object', fix: 'start the file with { and end it with }' }]);
  }
  const merged = mergeEnvironment(withOurNames(file as Record<string, unknown>), environment);
  const shared = withSharedToken(merged.value);
  const value = shared.file;
  const checked = configSchema.safeParse(value);
  const issues = checked.success ? [] : checked.error.issues.map((issue) => explainIssue(issue, value));
  const errors = [...issues, ...crossMistakes(value).map(fromCross)].map((error) => named(error, merged.setBy));
  if (!checked.success || errors.length > 0) return err(errors);
  const warnings = [...unknownKeys(value, knownKeys()), ...crossWarnings(value), ...merged.warnings, ...shared.warnings];
  return ok({ config: checked.data, warnings });
}

/** Why a key can have no value, in words: nobody knows it; undefined: it may have one. */
export function whyUnknown(path: Path): string | undefined {
  const probe = path.reduceRight<unknown>((inner, part) => (typeof part === 'number' ? [inner] : { [part]: inner }), null);
  const [warning] = unknownKeys(probe, knownKeys());
  return warning && `${warning.path} ${warning.message}`;
}

/** The errors as lines for a terminal. */
export function formatConfigErrors(errors: readonly ConfigError[], source: string): string {
  const count = errors.length === 1 ? 'one mistake' : `${errors.length} mistakes`;
  const entries = errors.map(
    ({ path, value, allowed, fix }) => `  ${path}\n    is      ${value}\n    allowed ${allowed}\n    fix     ${fix}`,
  );
  return [`${source}: ${count}`, ...entries].join('\n');
}

function fromCross({ path, value, allowed, fix }: CrossMistake): ConfigError {
  return { path: pathText(path), value: shown(path, value), allowed, fix };
}

function named(error: ConfigError, setBy: Readonly<Record<string, string>>): ConfigError {
  const variable = Object.hasOwn(setBy, error.path) ? setBy[error.path] : undefined;
  return variable ? { ...error, path: `${error.path} (from the environment variable ${variable})` } : error;
}
