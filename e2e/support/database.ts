import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { type Database, openDatabase } from 'cyrus-store/pool';
import { clusterUser, readPassword } from 'cyrus-store/server/cluster';
import { layOut } from 'cyrus-store/server/layout';
import { findPostmaster } from 'cyrus-store/server/postmaster';
import type { World } from './world.ts';

/** Where a world's database has its files. */
export async function dataDirectory(world: World): Promise<string> {
  return (await layOut(world.home, join(world.directory, 'state'))).data;
}

/** The process id of a world's database server; undefined while none is ready. */
export async function postmaster(world: World): Promise<number | undefined> {
  const running = await findPostmaster(await dataDirectory(world));
  return running?.state === 'ready' ? running.pid : undefined;
}

/** The running service's own database, from beside it. */
export async function openWorldDatabase(world: World): Promise<Database> {
  const layout = await layOut(world.home, join(world.directory, 'state'));
  const running = await findPostmaster(layout.data);
  if (!running) throw new Error(`no database server runs on ${layout.data}`);
  const { password } = await readPassword(layout);
  return openDatabase({
    connection: { host: running.socketDirectory, port: running.port, user: clusterUser, password, database: 'cyrus' },
    clock: systemClock,
    applicationName: 'test',
    maxConnections: 1,
  });
}
