import { systemClock } from 'cyrus-core/clock';
import { findBinaries } from 'cyrus-store/server/binaries';
import { claimSocketDirectory, layOut, socketDirectory } from 'cyrus-store/server/layout';
import { startPostmaster, stopPostmaster } from 'cyrus-store/server/postmaster';
import { serverSettings } from 'cyrus-store/server/settings';
import type { World } from '../../e2e/support/world.ts';
import { stateDirectory } from './state-directory.ts';

/** The Postgres of a home without anything of the service: what it takes by itself. */
export interface PostgresAlone {
  readonly pid: number;
  /** From its spawn until it accepts connections. */
  readonly readyMs: number;
  end(): Promise<void>;
}

/** Starts it on the home of a world whose service is not running. */
export async function startPostgresAlone(world: World): Promise<PostgresAlone> {
  const layout = await layOut(world.home, stateDirectory(world));
  const binaries = await findBinaries({ copies: layout.copies });
  const directory = await socketDirectory(layout);
  await claimSocketDirectory(directory, layout.account);
  const started = performance.now();
  const outcome = await startPostmaster(layout, binaries, serverSettings(binaries.major, directory, {}), systemClock);
  if (!outcome.started) throw outcome.error;
  return {
    pid: outcome.pid,
    readyMs: performance.now() - started,
    end: () => stopPostmaster(outcome.pid, layout.data, systemClock),
  };
}
