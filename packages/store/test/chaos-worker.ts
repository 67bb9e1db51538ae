/** A program that advances the entities of the chaos test until it is killed. */
import { systemClock } from 'cyrus-core/clock';
import { createEngine, defineAdvance } from '../src/advance.ts';
import { silentLog } from '../src/log.ts';
import { openDatabase } from '../src/pool.ts';

const db = openDatabase({ connection: JSON.parse(process.argv[2] ?? '{}'), clock: systemClock, applicationName: 'chaos worker' });

/** Reads what is unread, and counts it: a read input that is not counted, or counted twice, shows. */
const advance = defineAdvance('counter', async (tx, id) => {
  await tx.query('select from cyrus.counter where id = $1 for update', [id]);
  const { rowCount } = await tx.query('update cyrus.input set read_at = clock_timestamp() where entity = $1 and read_at is null', [
    `counter:${id}`,
  ]);
  await tx.query('update cyrus.counter set n = n + $2 where id = $1', [id, rowCount]);
});

createEngine({
  db,
  clock: systemClock,
  advances: [advance],
  log: silentLog,
  random: () => 0,
  concurrency: 4,
  sweepMs: 500,
  liveEntities: async (tx) =>
    (await tx.query<{ entity: string }>('select distinct entity from cyrus.input where read_at is null')).rows.map(({ entity }) => entity),
});
