import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCheckouts } from 'cyrus-checkouts/checkouts';
import { systemClock } from 'cyrus-core/clock';
import { silentLog } from 'cyrus-store/log';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { collectGarbage } from '../src/gc/gc.ts';
import { createDiskRoom } from '../src/jobs/disk-room.ts';
import { createRepositories } from '../src/jobs/repositories.ts';
import { configOf } from './support/config.ts';
import { sandboxes } from './support/hosts.ts';
import { insertPlan, taskOf } from './support/rows.ts';
import { temporary } from './support/supervisor.ts';

let database: TestDatabase;
let home: Awaited<ReturnType<typeof temporary>>;
beforeAll(async () => {
  [database, home] = await Promise.all([testDatabase(), temporary()]);
});
afterAll(async () => {
  await home.remove();
  await database.stop();
});

test('uploads of tasks that are over are given back; those of live tasks, and such as are being made, stay', async () => {
  const { db } = database;
  const sandbox = sandboxes[0]?.[1];
  if (!sandbox) throw new Error('no sandbox');
  await db.query(`update cyrus.schema_migration set applied_at = now() - interval '1 year'`);
  await insertPlan(db, 'live');
  await insertPlan(db, 'over');
  await db.query(`update cyrus.plan set state = 'done', ended_at = now() where id = 'over'`);
  const place = join(home.path, 'attachments');
  for (const name of [taskOf('live'), taskOf('over'), 'forgotten', 'being-made']) {
    await mkdir(join(place, name), { recursive: true });
    await writeFile(join(place, name, 'x.png'), 'x'.repeat(5_000));
  }
  const longAgo = new Date(Date.now() - 3 * 86_400_000);
  await utimes(join(place, 'forgotten'), longAgo, longAgo);
  const config = configOf({ database: { url: 'postgres://unused' } });
  const checkouts = createCheckouts({ root: home.path, sandbox, clock: systemClock, gitIdentity: { name: 'C', email: 'c@localhost' } });
  const options = {
    home: home.path,
    checkouts,
    repositories: createRepositories(checkouts, () => config, { source: () => ({ token: async () => undefined }) as never }),
    config: () => config,
    db,
    clock: systemClock,
    log: silentLog,
    room: createDiskRoom({ home: home.path, config: () => config, clock: systemClock }),
  };
  const { signal } = new AbortController();
  const dry = await collectGarbage(options, { dryRun: true, signal });
  expect(dry.items.map(({ kind, what }) => [kind, what]).sort()).toEqual([
    ['attachments', join(place, 'forgotten')],
    ['attachments', join(place, taskOf('over'))],
  ]);
  expect(dry.freedBytes).toBeGreaterThan(9_000);
  expect(await readdir(place)).toHaveLength(4);
  await collectGarbage(options, { dryRun: false, signal });
  expect((await readdir(place)).sort()).toEqual(['being-made', taskOf('live')]);
});
