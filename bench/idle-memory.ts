import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { World } from '../e2e/support/world.ts';
import type { Claim } from './support/measure.ts';
import { copyNode } from './support/node-copy.ts';
import { startPostgresAlone } from './support/postgres-alone.ts';
import { memoryMb, processTree } from './support/processes.ts';
import { startService } from './support/service.ts';
import { median } from './support/statistics.ts';

/** Memory of everything an idle service consists of: the service, Postgres and its backends. */
export const measure: Claim = async ({ samples, say }) => {
  const count = samples(3);
  const world = await World.open();
  try {
    await world.service.end();
    const node = await copyNode(world.directory);
    const values: number[] = [];
    const floors: number[] = [];
    for (let n = 0; n < count; n++) {
      const postgres = await startPostgresAlone(world);
      const bare = spawn(node, ['-e', 'setInterval(() => {}, 1e9)'], { stdio: 'ignore' });
      await sleep(1_000);
      floors.push((await memoryMb(await processTree(bare.pid ?? 0))) + (await memoryMb(await processTree(postgres.pid))));
      bare.kill('SIGKILL');
      await postgres.end();
      const service = await startService(world, { node });
      // What the start itself needed is let go, and the connections nobody uses are closed, after ten seconds.
      await sleep(12_000);
      values.push(await memoryMb(await processTree(service.pid)));
      await service.end();
    }
    say(values.map((value) => value.toFixed(1)).join(' '));
    return [
      {
        name: 'idle-memory',
        value: median(values),
        unit: 'MB',
        floor: median(floors),
        target: { of: 'value', atMost: 118 },
        samples: count,
      },
    ];
  } finally {
    await world.close();
  }
};
