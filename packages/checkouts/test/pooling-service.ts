/** `pooling-service.ts HOME UPSTREAM`: makes, forwards and gives away waiting checkouts until it is killed. */
import { systemClock } from 'cyrus-core/clock';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { createCheckouts } from '../src/checkouts.ts';

const [root = '', upstream = ''] = process.argv.slice(2);
const sandbox = createSandbox({ isolation: 'none', clock: systemClock });
const checkouts = createCheckouts({ root, sandbox, clock: systemClock, gitIdentity: { name: 'x', email: 'x@example.test' } });
const mirror = await checkouts.mirror({ id: 'repo', remoteUrl: upstream });
await mirror.fetch();
const shas = await Promise.all(['main', 'other'].map(async (branch) => (await mirror.resolve(branch)) ?? ''));
console.log('ready');
for (let n = 0; ; n++) {
  const sha = shas[n % 2] ?? '';
  const waiting = await checkouts.pool.list();
  const behind = waiting.find(({ baseSha }) => baseSha !== sha);
  if (behind) await checkouts.pool.forward(behind, { mirror, sha });
  await checkouts.pool.add({ mirror, sha });
  const name = `task-${process.pid}-${n}`;
  const checkout = await checkouts.create({ mirror, name, sha: shas[(n + 1) % 2] ?? '', branch: `cyrus/${name}` });
  if (n % 3 === 0) await checkouts.remove({ mirror, checkout });
}
