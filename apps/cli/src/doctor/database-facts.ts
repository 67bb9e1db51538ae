import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from 'cyrus-core/config/schema';
import { executorsOut } from 'cyrus-store/queries/executor-condition';
import { type Health, readHealth } from 'cyrus-store/queries/health-read';
import { type OpenRun, readOpenRuns } from 'cyrus-store/queries/runs-open';
import { readStatus, type StatusSnapshot } from 'cyrus-store/queries/status-read';
import type { Home } from '../home.ts';
import { asCliError } from '../known-errors.ts';
import { withStore } from '../open-home.ts';

/** What the database says, or why it says nothing. */
export type DatabaseFacts =
  | {
      readonly state: 'open';
      readonly description: string;
      readonly status: StatusSnapshot;
      readonly health: Health;
      readonly executorsOut: Awaited<ReturnType<typeof executorsOut>>;
      readonly openRuns: readonly OpenRun[];
    }
  /** Nothing was ever started here: there is nothing to look at, and looking makes none. */
  | { readonly state: 'unmade' }
  | { readonly state: 'away'; readonly message: string };

/** Reads them; an embedded server that does not run is started for as long as this takes. */
export async function readDatabase(home: Home, config: Config): Promise<DatabaseFacts> {
  if (config.database === undefined && !existsSync(join(home.directory, 'database-password'))) return { state: 'unmade' };
  try {
    return await withStore(home, config, async ({ db, description }) => ({
      state: 'open',
      description,
      status: await readStatus(db),
      health: await readHealth(db),
      executorsOut: await executorsOut(db),
      openRuns: await readOpenRuns(db),
    }));
  } catch (cause) {
    return { state: 'away', message: asCliError(cause)?.message ?? (cause instanceof Error ? cause.message : String(cause)) };
  }
}
