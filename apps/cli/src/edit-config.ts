import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { type ConfigChange, type EditedConfig, editConfig } from 'cyrus-core/config/edit';
import { formatConfigErrors } from 'cyrus-core/config/parse';
import { withFileLock } from 'cyrus-linear/file-lock';
import { CliError, exitCode } from './cli-error.ts';
import type { CommandContext } from './context.ts';
import { ensureHome } from './home.ts';

/** What an edit may look at before it says what to change: the file's text as it is now. */
export type Changes = readonly ConfigChange[] | ((text: string) => readonly ConfigChange[]);

/**
 * Changes the home's `config.json`: all of it or nothing, on the disk once this resolves. The file keeps its mode, its owner
 * and its place behind a link; a new one is for its owner alone. Two at a time wait for each other.
 * @throws CliError 78 with every mistake; nothing is written then
 */
export async function editConfigFile(
  { home, environment }: Pick<CommandContext, 'home' | 'environment'>,
  changes: Changes,
): Promise<EditedConfig> {
  ensureHome(home);
  const file = await realpath(home.configFile).catch(() => home.configFile);
  return withFileLock(`${file}.lock`, systemClock, async () => {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw new CliError(`${file} cannot be read: ${error.message}`, { code: exitCode.configuration });
    });
    const edited = editConfig(text, typeof changes === 'function' ? changes(text) : changes, file, environment);
    if (!edited.ok)
      throw new CliError(formatConfigErrors(edited.error, file), { code: exitCode.configuration, fix: 'Nothing has been written.' });
    if (edited.value.changed) await replaceFile(file, edited.value.text);
    return edited.value;
  });
}

async function replaceFile(file: string, text: string): Promise<void> {
  const before = await stat(file).catch(() => undefined);
  const fresh = `${file}.${process.pid}.new`;
  try {
    const handle = await open(fresh, 'wx', 0o600);
    try {
      if (before) {
        // Root may edit the file of the account that the service runs under.
        if (before.uid !== process.getuid?.()) await handle.chown(before.uid, before.gid);
        await handle.chmod(before.mode & 0o7777);
      }
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw new CliError(`${file} cannot be written: ${(error as Error).message}. It is as it was.`);
  }
  const directory = await open(dirname(file), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
