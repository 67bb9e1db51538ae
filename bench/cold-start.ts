import { runToEnd } from '../e2e/support/program.ts';
import { World } from '../e2e/support/world.ts';
import type { Claim } from './support/measure.ts';
import { startPostgresAlone } from './support/postgres-alone.ts';
import { median } from './support/statistics.ts';

/** Spawn of `cyrus start` → its ready line, with data that is there already. */
export const measure: Claim = async ({ samples, say }) => {
  const count = samples(9);
  const world = await World.open();
  try {
    await world.service.end();
    const values: number[] = [];
    const floors: number[] = [];
    for (let n = 0; n < count; n++) {
      const began = performance.now();
      await runToEnd(process.execPath, ['-e', '0']);
      const node = performance.now() - began;
      const postgres = await startPostgresAlone(world);
      floors.push(node + postgres.readyMs);
      await postgres.end();
      const started = performance.now();
      const service = await world.start();
      values.push(performance.now() - started);
      await service.end();
    }
    say(values.map((value) => value.toFixed(0)).join(' '));
    return [
      {
        name: 'cold-start',
        value: median(values),
        unit: 'ms',
        floor: median(floors),
        target: { of: 'value', atMost: 900 },
        samples: count,
      },
    ];
  } finally {
    await world.close();
  }
};
