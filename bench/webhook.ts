import { fileURLToPath } from 'node:url';
import { plainEnvironment, startProgram } from '../e2e/support/program.ts';
import { World } from '../e2e/support/world.ts';
import { Deliveries, type Delivery } from './support/deliveries.ts';
import type { Claim } from './support/measure.ts';
import { atRate, createPoster } from './support/post.ts';
import { stateDirectory } from './support/state-directory.ts';
import { percentile } from './support/statistics.ts';
import { unlimited, waitingAgent } from './support/waiting-agent.ts';

const everyMs = 20;

/**
 * Signed webhook → durable 200, at 50 a second. Every webhook is a new session with its issue, so everything that follows
 * one (first activity, reading the issue, routing, the plan) goes on in the same service meanwhile.
 */
export const measure: Claim = async ({ samples, say }) => {
  const count = samples(500);
  const world = await World.open({ config: waitingAgent, linear: unlimited });
  const deliveries = await Deliveries.open(world);
  const insert = await startProgram(
    ['--conditions=cyrus-source', fileURLToPath(new URL('support/insert-server.ts', import.meta.url)), world.home],
    { environment: plainEnvironment({ CYRUS_STATE_DIR: stateDirectory(world) }) },
  );
  const floorPoster = createPoster(String(insert.ready['url']));
  const poster = createPoster(world.url);
  try {
    say(`${count} people assign an issue`);
    const made = await deliveries.assignAll(Array.from({ length: count + 5 }, (_, index) => ({ title: `Webhook ${index}` })));
    const [warm, timed] = [made.slice(0, 5), made.slice(5)];
    const floor = (all: readonly Delivery[]) =>
      atRate(
        all.map((each) => () => floorPoster.send('/', each)),
        everyMs,
      );
    const product = (all: readonly Delivery[]) =>
      atRate(
        all.map((each) => () => poster.send('/webhooks/linear', each)),
        everyMs,
      );
    await floor(warm);
    await product(warm);
    const half = Math.ceil(count / 2);
    const floors = [...(await floor(timed.slice(0, half)))];
    const answers = await product(timed);
    floors.push(...(await floor(timed.slice(half))));
    const refused = answers.filter((answer) => answer.status !== 200);
    if (refused.length > 0) throw new Error(`${refused.length} webhooks were not answered 200, one with ${refused[0]?.status}`);
    const row = (name: string, share: number, target: number | null) => ({
      name,
      value: percentile(
        answers.map(({ ms }) => ms),
        share,
      ),
      unit: 'ms' as const,
      floor: percentile(
        floors.map(({ ms }) => ms),
        share,
      ),
      target: target === null ? null : { of: 'value' as const, atMost: target },
      samples: answers.length,
    });
    return [row('webhook/p50', 0.5, null), row('webhook/p99', 0.99, 10)];
  } finally {
    for (const each of [poster, floorPoster]) each.close();
    await insert.end();
    await deliveries.close();
    await world.close();
  }
};
