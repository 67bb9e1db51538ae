import { type ConfigChange, readValues } from 'cyrus-core/config/edit';
import { variableOf } from 'cyrus-core/config/environment';
import { masked, valueAt } from 'cyrus-core/config/key-path';
import { isSecret, pathText } from 'cyrus-core/config/mask';
import { whyUnknown } from 'cyrus-core/config/parse';
import { answering } from '../answering.ts';
import { CliError, exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { editConfigFile } from '../edit-config.ts';
import { readInput } from '../read-input.ts';

/** `cyrus config get [KEY]`: the value in force, defaults and environment in it; secrets only with `--reveal`. Exits 1 where there is none. */
export async function configGet(
  { home, config, terminal, environment }: CommandContext,
  key: string | undefined,
  options: { readonly json?: boolean; readonly reveal?: boolean },
): Promise<void> {
  const found = key === undefined ? { path: [], value: config() } : valueAt(config(), key);
  if (typeof found === 'string') throw new CliError(found, { code: exitCode.usage });
  const { path } = found;
  const value = options.reveal ? found.value : masked(path, found.value);
  if (options.json) {
    const variable = variableOf(path);
    const fromEnvironment = path.length > 0 && variable !== undefined && Boolean(environment[variable]?.trim());
    terminal.out(JSON.stringify({ key: pathText(path), value: value ?? null, ...(fromEnvironment ? { environment: variable } : {}) }));
  } else if (value !== undefined) terminal.out(typeof value === 'string' ? value : JSON.stringify(value, null, 2));
  if (value !== undefined) return;
  const unknown = whyUnknown(path);
  if (unknown !== undefined)
    throw new CliError(`${unknown}${/[.?]$/.test(unknown) ? '' : '.'}`, {
      code: exitCode.usage,
      fix: 'All keys are in docs/config.schema.json; cyrus config get shows those that have a value.',
    });
  throw new CliError(options.json ? '' : `${pathText(path)} is not set in ${home.configFile}, and has no default.`);
}

/** `cyrus config set KEY VALUE [KEY VALUE…]`: JSON or plain text; `-` reads the value from stdin. All of them or none. */
export async function configSet(context: CommandContext, words: readonly string[], options: { readonly json?: boolean }): Promise<void> {
  if (words.length % 2 !== 0)
    throw new CliError(`"${words.at(-1)}" has no value.`, { code: exitCode.usage, fix: 'cyrus config set KEY VALUE [KEY VALUE…]' });
  const given: { readonly key: string; readonly text: string }[] = [];
  let fromInput: string | undefined;
  for (let index = 0; index < words.length; index += 2) {
    const [key = '', written = ''] = words.slice(index, index + 2);
    if (written === '-') fromInput ??= await readInput();
    given.push({ key, text: written === '-' ? (fromInput ?? '') : written });
    if (written !== '-' && holdsSecret(key, written))
      context.terminal.err(
        `warning: ${key}: the shell may keep this secret in its history; "cyrus config set ${key} -" reads it from stdin`,
      );
  }
  await change(context, (text) => readValues(text, given, context.home.configFile, context.environment), options);
}

/** A text that is not to be shown, or a piece of JSON with one in it. */
function holdsSecret(key: string, written: string): boolean {
  const path = key.split('.');
  try {
    const value: unknown = JSON.parse(written);
    if (typeof value === 'object') return JSON.stringify(masked(path, value)) !== JSON.stringify(value);
  } catch {
    // Then it is a text.
  }
  return isSecret(path, written);
}

/** `cyrus config unset KEY…`: what is not set stays so. */
export async function configUnset(context: CommandContext, keys: readonly string[], options: { readonly json?: boolean }): Promise<void> {
  await change(context, () => keys.map((key) => ({ key })), options);
}

async function change(
  context: CommandContext,
  changes: (text: string) => readonly ConfigChange[],
  options: { readonly json?: boolean },
): Promise<void> {
  const { home, terminal } = context;
  const edited = await editConfigFile(context, changes).catch((error: unknown) => {
    if (!options.json || !(error instanceof CliError)) throw error;
    terminal.out(JSON.stringify({ ok: false, changed: false, message: error.message }));
    throw new CliError('', { code: error.code });
  });
  const keys = edited.paths.map(pathText);
  const service = edited.changed ? await answering(edited.config.server) : undefined;
  for (const warning of edited.warnings) terminal.err(`warning: ${warning.path}: ${warning.message}`);
  if (options.json) {
    terminal.out(JSON.stringify({ ok: true, changed: edited.changed, keys, file: home.configFile, restartNeeded: service !== undefined }));
    return;
  }
  terminal.out(
    edited.changed
      ? `${keys.join(', ')}: written to ${home.configFile}.`
      : `${keys.join(', ')}: nothing to change, ${home.configFile} is as it was.`,
  );
  if (service)
    terminal.err(`Cyrus is running at ${service}. It reads its configuration at its start: end it and start it again for this to count.`);
}
