import { err, ok, type Result } from '../result.ts';
import { ourPath } from './aliases.ts';
import { type Environment, variableOf } from './environment.ts';
import { findJsonMistake } from './json-mistake.ts';
import { KeyError, put, remove, resolveKey, told } from './key-path.ts';
import type { ConfigWarning } from './known-keys.ts';
import { type Path, pathText } from './mask.ts';
import { type ConfigError, type ParsedConfig, parseConfig } from './parse.ts';

/** One change of a configuration file; without `value` the key is taken out. */
export interface ConfigChange {
  /** `codegen.orgId`, `repositories.app.baseBranch` (an entry by its id), `repositories[0].id`, `linearWorkspaces["a.b"].linearToken`. */
  readonly key: string;
  readonly value?: unknown;
}

export interface EditedConfig extends ParsedConfig {
  /** The new content of the file, in the indentation of the old one. */
  readonly text: string;
  readonly changed: boolean;
  /** Where each change went, under the names this version uses. */
  readonly paths: readonly Path[];
}

/**
 * Applies all changes to the text of a `config.json`, or none of them. Pure. The result is what the service would accept with
 * this environment, and what the changes say is right without it, too; an unknown key is a mistake here.
 * @param source the file's name, for the messages
 */
export function editConfig(
  text: string,
  changes: readonly ConfigChange[],
  source: string,
  environment: Environment = {},
): Result<EditedConfig, readonly ConfigError[]> {
  const bare = text.replace(/^\uFEFF/, '');
  const old: unknown = findJsonMistake(bare) ? undefined : JSON.parse(bare);
  if (typeof old !== 'object' || old === null || Array.isArray(old)) {
    const parsed = parseConfig(text, source, environment);
    if (!parsed.ok) return parsed;
    throw new Error(`${source} is an object and is none`);
  }
  const value = structuredClone(old) as Record<string, unknown>;
  const paths: Path[] = [];
  const mistakes: ConfigError[] = [];
  for (const change of changes) {
    try {
      const given = resolveKey(change.key, value);
      const path = ourPath(given);
      if (change.value !== undefined && paths.some((before) => pathText(before) === pathText(path)))
        mistakes.push({ path: pathText(path), value: 'two values', allowed: 'one value', fix: 'name this key once' });
      paths.push(path);
      if (change.value === undefined) remove(value, path);
      else put(value, path, change.value);
      // Given by the name of another version: what stood under that name has moved to ours.
      if (pathText(given) !== pathText(path)) remove(value, given);
    } catch (stop) {
      if (!(stop instanceof KeyError)) throw stop;
      mistakes.push(told(stop.mistake));
    }
  }
  const fresh = `${JSON.stringify(value, null, indentationOf(bare))}\n`;
  const parsed = parseConfig(fresh, source, environment);
  const alone = parseConfig(fresh, source);
  const touched = (path: string): boolean => paths.some((changed) => isWithin(path, pathText(changed)));
  if (!parsed.ok) mistakes.push(...parsed.error.map((error) => missingEntry(error, paths, old) ?? error));
  // A variable of this shell may stand over a wrong value; what is absent may be in one.
  if (!alone.ok) mistakes.push(...alone.error.filter(({ path, value: is }) => touched(path) && is !== 'nothing' && !has(mistakes, path)));
  const warnings = parsed.ok ? parsed.value.warnings : [];
  // What is set below a key that nobody knows is as much in vain as that key.
  const given = changes.flatMap((change, index) => (change.value === undefined ? [] : [pathText(paths[index] ?? [])]));
  mistakes.push(...warnings.filter(({ path }) => given.some((is) => isWithin(path, is) || isWithin(is, path))).flatMap(unknownKey));
  if (mistakes.length > 0 || !parsed.ok) return err(mistakes);
  return ok({
    config: parsed.value.config,
    warnings: [...warnings, ...overridden(paths, environment)],
    text: fresh,
    changed: JSON.stringify(value) !== JSON.stringify(old),
    paths,
  });
}

/**
 * Values of a command line: JSON where it is JSON and fits, else the text itself, so that `123` may be a name.
 * @returns the changes with the values that are accepted, or those of the first reading where neither is
 */
export function readValues(
  text: string,
  given: readonly { readonly key: string; readonly text: string }[],
  source: string,
  environment: Environment = {},
): readonly ConfigChange[] {
  const first = given.map(({ key, text: written }) => ({ key, value: jsonOr(written) }));
  const tried = editConfig(text, first, source, environment);
  if (tried.ok) return first;
  const second = first.map((change, index) =>
    typeof change.value === 'number' || typeof change.value === 'boolean' ? { ...change, value: given[index]?.text } : change,
  );
  // One at a time: a wrong value of one key must not make a text of the number beside it.
  const mixed = first.map((change, index) => {
    const path = pathText(ourPath(safely(change.key, text)));
    return tried.error.some((error) => isWithin(error.path, path)) ? (second[index] ?? change) : change;
  });
  return editConfig(text, mixed, source, environment).ok ? mixed : first;
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function safely(key: string, text: string): Path {
  try {
    return resolveKey(key, JSON.parse(text));
  } catch {
    return [key];
  }
}

function indentationOf(text: string): string | number {
  const indentation = /^[ \t]+(?=")/m.exec(text)?.[0];
  return indentation ?? 2;
}

function overridden(paths: readonly Path[], environment: Environment): ConfigWarning[] {
  return paths.flatMap((path) => {
    const name = variableOf(path);
    if (!name || !environment[name]?.trim()) return [];
    return [{ path: pathText(path), message: `the environment variable ${name} is set here and holds over the file` }];
  });
}

/** A key that has no effect, as a mistake. */
function unknownKey({ path, message }: ConfigWarning): ConfigError[] {
  const [, unused] = /^is not used by this version: (.*)$/.exec(message) ?? [];
  const allowed = 'a key of docs/config.schema.json';
  if (unused !== undefined) return [{ path, value: 'a key that this version does not use', allowed, fix: unused }];
  if (!message.startsWith('is not a known key')) return [];
  const right = /did you mean "(.+)"/.exec(message)?.[1];
  const fix = right === undefined ? 'look the key up there' : `did you mean ${path.replace(/[^.]+$/, right)}?`;
  return [{ path, value: 'a key that Cyrus does not know', allowed, fix }];
}

/** Where a change names an entry of a list that is not there: an object was made of it, and the list is what is missing. */
function missingEntry(error: ConfigError, paths: readonly Path[], old: object): ConfigError | undefined {
  const path = paths.find((changed) => typeof changed[1] === 'string' && error.path === changed[0] && !Object.hasOwn(old, changed[0]));
  if (path === undefined || !error.allowed.startsWith('a list')) return undefined;
  const [list, entry] = path;
  const fix = `add it whole first: cyrus config set ${list} '[{"id":"${entry}", …}]'`;
  return { path: pathText(path), value: `no entry "${entry}": the list is empty`, allowed: 'a key of an entry that is there', fix };
}

function isWithin(path: string, outer: string): boolean {
  return path === outer || (path.startsWith(outer) && '.[ '.includes(path.charAt(outer.length)));
}

function has(mistakes: readonly ConfigError[], path: string): boolean {
  return mistakes.some((mistake) => mistake.path === path || mistake.path.startsWith(`${path} (`));
}
