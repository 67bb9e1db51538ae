import { setTimeout as sleep } from 'node:timers/promises';
import { change } from '../e2e/support/model.ts';
import { World } from '../e2e/support/world.ts';
import { capacityOf } from '../packages/edge-worker/src/capacity.ts';
import { Activities } from './support/activities.ts';
import { Deliveries } from './support/deliveries.ts';
import type { Claim } from './support/measure.ts';
import { createPoster } from './support/post.ts';
import { memoryMb, processTree } from './support/processes.ts';
import { unlimited } from './support/waiting-agent.ts';

const atOnce = 20;

/**
 * Twenty issues at once, done by the real agent: everybody gets a first activity at once, what does not fit waits its turn, and all
 * processes together stay within what the service said it would take: half of the machine.
 */
export const measure: Claim = async ({ say }) => {
  const world = await World.open({ linear: unlimited });
  const deliveries = await Deliveries.open(world);
  const activities = new Activities(world);
  const poster = createPoster(world.url);
  try {
    await world.model.script('Twenty', change('twenty.txt', 'x', 'One of twenty.'));
    const issues = Array.from({ length: atOnce }, (_, index) => ({ title: `Twenty ${index}` }));
    const all = await deliveries.assignAll(issues);
    let peak = 0;
    let ended = false;
    const watching = (async () => {
      while (!ended) {
        peak = Math.max(peak, await memoryMb(await processTree(world.service.pid)));
        await sleep(200);
      }
    })();
    const started = performance.now();
    const sent = await Promise.all(all.map(async (each) => ({ each, answer: await poster.send('/webhooks/linear', each) })));
    const first = await Promise.all(sent.map(async ({ each, answer }) => (await activities.first(each.sessionId)).at - answer.sentAt));
    for (const each of all) {
      while ((await world.linear.byId(each.sessionId)).closings === 0) {
        if (performance.now() - started > 600_000) throw new Error(`no answer in session ${each.sessionId} after ten minutes`);
        await sleep(200);
      }
    }
    const tookMs = performance.now() - started;
    ended = true;
    await watching;
    const { slots, memoryMb: allowed } = capacityOf({ limits: {} as never });
    say(`${slots} agents at once, ${Math.round(allowed)} MB allowed, all done after ${(tookMs / 1000).toFixed(1)} s`);
    return [
      {
        name: 'twenty/last-first-activity',
        value: Math.max(...first),
        unit: 'ms',
        floor: null,
        target: { of: 'value', atMost: 250 },
        samples: atOnce,
      },
      { name: 'twenty/peak-memory', value: peak, unit: 'MB', floor: null, target: { of: 'value', atMost: allowed }, samples: 1 },
    ];
  } finally {
    poster.close();
    await activities.close();
    await deliveries.close();
    await world.close();
  }
};
