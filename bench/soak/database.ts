import { systemClock } from 'cyrus-core/clock';
import { type Database, openDatabase } from 'cyrus-store/pool';
import { clusterUser, readPassword } from 'cyrus-store/server/cluster';
import { type Layout, layOut } from 'cyrus-store/server/layout';
import { findPostmaster } from 'cyrus-store/server/postmaster';

/** The service's own database, looked at from beside it while it is killed and comes back. */
export interface Watch {
  /** Undefined while the database does not answer. */
  query<Row>(sql: string, parameters?: readonly unknown[]): Promise<readonly Row[] | undefined>;
  postmaster(): Promise<number | undefined>;
  readonly layout: Layout;
  close(): Promise<void>;
}

const patienceMs = 3_000;

/** @throws Error when the home has no running database */
export async function watchDatabase(home: string, stateDirectory: string = '/var/lib/cyrus'): Promise<Watch> {
  const layout = await layOut(home, stateDirectory);
  const running = await findPostmaster(layout.data);
  if (!running) throw new Error(`no database server runs on ${layout.data}`);
  const { password } = await readPassword(layout);
  const open = (): Database =>
    openDatabase({
      connection: { host: running.socketDirectory, port: running.port, user: clusterUser, password, database: 'cyrus' },
      clock: systemClock,
      applicationName: 'soak',
      maxConnections: 1,
      connectTimeoutMs: patienceMs,
      statementTimeoutMs: patienceMs,
    });
  let database = open();
  return {
    layout,
    postmaster: async () => (await findPostmaster(layout.data))?.pid,
    async query<Row>(sql: string, parameters?: readonly unknown[]) {
      const asked = database.query<Row>(sql, parameters).then(
        (result) => result.rows,
        () => undefined,
      );
      let timer: NodeJS.Timeout | undefined;
      const silent = new Promise<'silent'>((resolve) => {
        timer = setTimeout(() => resolve('silent'), patienceMs);
      });
      const answer = await Promise.race([asked, silent]);
      clearTimeout(timer);
      if (answer !== 'silent') return answer;
      // A frozen backend holds its connection: leave it behind.
      void database.close();
      database = open();
      return undefined;
    },
    close: () => database.close(),
  };
}
