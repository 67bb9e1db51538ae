import { resolve } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { openEmptyDatabase } from 'cyrus-edge-worker/backup/open-empty-database';
import { restore as makeHome } from 'cyrus-edge-worker/backup/restore';
import { silentLog } from 'cyrus-store/log';
import type { CommandContext } from '../context.ts';

/** `cyrus restore FILE`: a home from a backup. */
export async function restore(
  { home, environment, terminal }: CommandContext,
  file: string,
  options: { readonly json?: boolean },
): Promise<void> {
  // The home has no configuration yet; what of it concerns the database comes from the environment.
  const url = environment['DATABASE_URL'];
  const summary = await makeHome({
    home: home.directory,
    configFile: home.configFile,
    file: resolve(file),
    clock: systemClock,
    openDatabase: () =>
      openEmptyDatabase({ home: home.directory, config: url ? { database: { url } } : {}, clock: systemClock, log: silentLog }),
    onProgress: (line) => terminal.err(line),
  });
  const { left, createdAt } = summary.manifest;
  if (options.json) terminal.out(JSON.stringify({ home: home.directory, createdAt, left, rows: summary.rows, files: summary.files }));
  else terminal.out(`${home.directory} is as it was at ${createdAt}. Start it with: cyrus start`);
  if (left.length > 0) terminal.err(`Secrets are not in a backup. Set these again first: ${left.join(', ')}`);
}
