import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from 'cyrus-core/clock';
import { createLinear, type LinearClient } from 'cyrus-linear/client';
import { perform } from 'cyrus-linear/writes';
import { World } from '../e2e/support/world.ts';
import { Activities } from './support/activities.ts';
import { Deliveries, type Delivery } from './support/deliveries.ts';
import type { Claim, Measure } from './support/measure.ts';
import { createPoster } from './support/post.ts';
import { median, percentile } from './support/statistics.ts';
import { unlimited, waitingAgent } from './support/waiting-agent.ts';

const atOnce = 20;

/** Webhook → first activity accepted by Linear: one at a time, and the last of twenty that come at once. */
export const measure: Claim = async ({ samples, say }) => {
  const singles = samples(100);
  const bursts = Math.max(1, Math.round(singles / 25));
  const world = await World.open({ config: waitingAgent, linear: unlimited });
  const deliveries = await Deliveries.open(world);
  const activities = new Activities(world);
  const poster = createPoster(world.url);
  const direct = createLinear({ apiUrl: world.linear.graphqlUrl, token: 'lin_oauth_app', clock: systemClock });
  const issues = (count: number, name: string) => Array.from({ length: count }, (_, index) => ({ title: `${name} ${index}` }));
  try {
    say(`${singles} webhooks one at a time, ${bursts} times ${atOnce} at once`);
    const alone = await deliveries.assignAll(issues(singles + 2, 'Single'));
    const together = await deliveries.assignAll(issues(bursts * atOnce, 'Burst'));
    const forFloor = await deliveries.assignAll(issues(atOnce, 'Floor'));
    const wait = async (all: readonly Delivery[]): Promise<readonly number[]> => {
      const sent = await Promise.all(all.map(async (each) => ({ each, answer: await poster.send('/webhooks/linear', each) })));
      return Promise.all(sent.map(async ({ each, answer }) => (await activities.first(each.sessionId)).at - answer.sentAt));
    };
    for (const each of alone.slice(0, 2)) await wait([each]);
    const single: number[] = [];
    const singleFloor: number[] = [];
    for (const [index, each] of alone.slice(2).entries()) {
      single.push(...(await wait([each])));
      // Between two webhooks: what the first brought about must not count against the second.
      await sleep(30);
      singleFloor.push(await sayTo(direct, forFloor[index % atOnce]));
    }
    const last: number[] = [];
    const lastFloor: number[] = [];
    for (let n = 0; n < bursts; n++) {
      last.push(Math.max(...(await wait(together.slice(n * atOnce, (n + 1) * atOnce)))));
      await sleep(1_000);
      lastFloor.push(Math.max(...(await Promise.all(forFloor.map((each) => sayTo(direct, each))))));
    }
    const row = (name: string, value: number, floor: number, atMost: number | null, count: number): Measure => {
      const target = atMost === null ? null : ({ of: 'value', atMost } as const);
      return { name: `first-activity/${name}`, value, unit: 'ms', floor, target, samples: count };
    };
    return [
      row('p50', median(single), median(singleFloor), null, singles),
      row('p99', percentile(single, 0.99), percentile(singleFloor, 0.99), 50, singles),
      row(`last-of-${atOnce}`, median(last), median(lastFloor), 250, bursts),
    ];
  } finally {
    poster.close();
    await activities.close();
    await deliveries.close();
    await world.close();
  }
};

/** One activity straight to Linear, and how long that took. */
async function sayTo(client: LinearClient, delivery: Delivery | undefined): Promise<number> {
  const started = performance.now();
  const outcome = await perform(client, {
    kind: 'activity',
    id: randomUUID(),
    sessionId: delivery?.sessionId ?? '',
    content: { type: 'thought', body: 'Got it. Reading the issue…' },
  });
  if (outcome.state !== 'sent') throw new Error(`Linear did not take an activity: ${JSON.stringify(outcome)}`);
  return performance.now() - started;
}
