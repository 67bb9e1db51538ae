import { createHmac, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Program } from '../e2e/support/program.ts';
import { secret, World } from '../e2e/support/world.ts';
import { collectGarbage, inspected } from './support/inspector.ts';
import type { Claim } from './support/measure.ts';
import { createPoster, type Posted, type Poster } from './support/post.ts';
import { memoryMb, processTree } from './support/processes.ts';
import { startService } from './support/service.ts';

const connections = 32;
const megabyte = randomBytes(512 * 1024).toString('hex');

/** Forged and malformed webhooks: what the service's memory has grown by afterwards, beside as many calls of `/healthz`. */
export const measure: Claim = async ({ samples, say }) => {
  const count = samples(10_000);
  const world = await World.open();
  try {
    await world.service.end();
    const service = await startService(world, { environment: inspected });
    const poster = createPoster(String(service.ready['url']), connections);
    const health = (): Promise<number> =>
      flood(poster, count, () => ({ path: '/healthz', method: 'GET', body: Buffer.alloc(0), headers: {} }));
    const forged = (many: number): Promise<number> => flood(poster, many, forgery);
    // Once with everything, so that what is compiled and buffered at first use is there.
    await forged(Math.min(count, 1_000));
    await health();
    const atFirst = await settled(service);
    await health();
    const afterHealth = await settled(service);
    const accepted = await forged(count);
    const afterFlood = await settled(service);
    poster.close();
    await service.end();
    say(`${atFirst.toFixed(1)} MB at first, ${afterHealth.toFixed(1)} after /healthz, ${afterFlood.toFixed(1)} after the flood`);
    return [
      {
        name: 'webhook-flood/growth',
        value: afterFlood - afterHealth,
        unit: 'MB',
        floor: afterHealth - atFirst,
        target: { of: 'value', atMost: 5 },
        samples: count,
      },
      { name: 'webhook-flood/accepted', value: accepted, unit: 'count', floor: null, target: { of: 'value', atMost: 0 }, samples: count },
    ];
  } finally {
    await world.close();
  }
};

interface Sent extends Posted {
  readonly path: string;
  readonly method: string;
}

/** Sends `count` requests over a few connections; how many were answered 2xx at the webhook's address. */
async function flood(poster: Poster, count: number, make: (n: number) => Sent): Promise<number> {
  let next = 0;
  let taken = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const { path, method, ...posted } = make(next++);
      const { status } = await poster.send(path, posted, method);
      if (path !== '/healthz' && status >= 200 && status < 300) taken++;
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  return taken;
}

/** One in fifty is a megabyte long, one in five hundred says it is longer than is taken. */
function forgery(n: number): Sent {
  const text = JSON.stringify({
    type: 'AgentSessionEvent',
    action: 'created',
    n,
    padding: n % 50 === 0 ? megabyte : 'x'.repeat(n % 3_000),
  });
  const sign = (body: string): string => createHmac('sha256', secret).update(body).digest('hex');
  const shapes: readonly (() => { readonly body: string; readonly signature: string | undefined })[] = [
    () => ({ body: text, signature: undefined }),
    () => ({ body: text, signature: 'not hex' }),
    () => ({ body: text, signature: sign(`${text} `) }),
    () => ({ body: text.slice(0, text.length >> 1), signature: sign(text.slice(0, text.length >> 1)) }),
    () => ({ body: '\u0000\ufffd{{{{', signature: sign('\u0000\ufffd{{{{') }),
    () => ({ body: text, signature: sign(text) }),
  ];
  const { body, signature } = shapes[n % shapes.length]?.() ?? { body: '', signature: undefined };
  const headers = {
    'content-type': 'application/json',
    'linear-delivery': `forged-${n}`,
    'linear-event': 'AgentSessionEvent',
    'linear-timestamp': String(Date.now()),
    ...(signature === undefined ? {} : { 'linear-signature': signature }),
  };
  const tooLong = n % 500 === 2 ? megabyte.repeat(6) : '';
  return { path: '/webhooks/linear', method: 'POST', body: Buffer.from(body + tooLong), headers };
}

/** Memory of the service itself once it has nothing left to let go. */
async function settled(service: Program): Promise<number> {
  await sleep(1_000);
  await collectGarbage(service);
  await sleep(2_000);
  const own = (await processTree(service.pid)).filter(({ pid }) => pid === service.pid);
  return memoryMb(own);
}
