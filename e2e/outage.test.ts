import { afterAll, beforeAll, expect, test } from 'vitest';
import { textOf } from './support/linear.ts';
import { change, shell } from './support/model.ts';
import { type Process, processes } from './support/processes.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const hourMs = 3_600_000;

let world: World;
beforeAll(async () => {
  // An hour of Linear's retries passes in a second; what it expects of agents keeps its time.
  world = await World.open({ linear: ['--time-scale', '3600', '--deadline-scale', '1'] });
});
afterAll(() => world?.close());

test('Linear is away while the agent works: everything arrives afterwards, once and in order', async () => {
  const { linear, github, model } = world;
  await model.script('Work in silence', [
    shell('until [ -e /tmp/never ] || [ $((i=i+1)) -gt 30 ]; do sleep 0.1; done'),
    ...change('a.txt', 'a'),
  ]);
  const issue = await linear.assign({ title: 'Work in silence' });
  await until('the agent to begin', async () => (await model.requestsAbout('Work in silence')).length > 0);
  await linear.fault({ kind: 'outage', ms: 6_000, direction: 'both', how: 'refuse' });
  await until('the work to be published while Linear is away', async () => (await github.pulls('app', issue)).length === 1);
  expect(await linear.closings(issue)).toEqual([]);
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/^✅/);

  const said = (await linear.activities(issue)).map(textOf);
  expect(new Set(said).size).toBe(said.length);
  // Signs of progress that the answer has overtaken are not sent any more.
  const places = [/^Got it/, /^Working in/, /^✅/].map((pattern) => said.findIndex((text) => pattern.test(text)));
  expect(places.every((place) => place >= 0)).toBe(true);
  expect(places).toEqual([...places].sort((a, b) => a - b));
  await until('the issue to be in review', async () => (await linear.issue(issue)).state === 'In Review');
  expect((await linear.issue(issue)).attachments).toHaveLength(1);
  const { plan } = await linear.session(issue);
  expect(plan?.map((step) => step.status)).toEqual(['completed', 'completed', 'completed']);
});

test('a message said while nothing gets through arrives by Linear’s own retry', async () => {
  const { linear, model } = world;
  await model.script('Hear me later', change('first.txt', '1', 'First.'));
  await model.script('Hear me later', change('second.txt', '2', 'Second.'), 'one more thing');
  const issue = await linear.assign({ title: 'Hear me later' });
  await linear.closing(issue);
  await linear.fault({ kind: 'outage', ms: 500, direction: 'out' });
  await linear.say(issue, 'And one more thing.');
  expect((await linear.closing(issue, 2)).body).toMatch(/^✅ Second\./);
});

test('the prompt arrives before the creation it belongs to: one turn, one plan, nothing lost', async () => {
  const { linear, github, model } = world;
  await linear.fault({ kind: 'reorder', times: 1, holdMs: 20 * hourMs });
  await model.script('Out of order', change('order.txt', 'o', 'Done in order.'));
  const issue = await linear.assign({ title: 'Out of order' });
  await linear.say(issue, 'And mind the gap.');
  await until('both to be delivered', async () => {
    const session = (await linear.session(issue)).id;
    const seen = (await linear.deliveries()).filter((each) => each.session === session && each.status === 200).map((each) => each.action);
    return seen.join() === 'prompted,created';
  });
  expect((await linear.closing(issue)).body).toMatch(/^✅ Done in order\./);
  await ended(issue, 1);
  expect((await model.requestsAbout('Out of order')).some((request) => request.userTexts.join().includes('mind the gap'))).toBe(true);
  expect(await linear.closings(issue)).toHaveLength(1);
  expect(await github.pulls('app', issue)).toHaveLength(1);
});

test.each(['same', 'new'] as const)(
  'what was answered 200 is ignored when it comes again with the %s delivery id, a minute or an hour later',
  async (deliveryId) => {
    const { linear, github, model } = world;
    const title = `Say it twice, ${deliveryId}`;
    await linear.fault([
      { kind: 'duplicate', afterMs: [1_000, 60_000, hourMs], deliveryId },
      { kind: 'skew', ms: hourMs },
    ]);
    await model.script(title, change(`${deliveryId}.txt`, 'd', 'Once.'));
    const issue = await linear.assign({ title });
    await linear.closing(issue);
    const session = (await linear.session(issue)).id;
    const copies = await until('every copy to be delivered', async () => {
      const found = (await linear.deliveries()).filter((each) => each.session === session && each.duplicate);
      return found.length === 3 && found;
    });
    expect(copies.map((copy) => copy.status)).toEqual([200, 200, 200]);
    await linear.noFaults();
    await ended(issue, 1);
    const said = (await linear.activities(issue)).map(textOf);
    expect(said.filter((text) => text.startsWith('Got it'))).toHaveLength(1);
    expect(await linear.closings(issue)).toHaveLength(1);
    expect(await github.pulls('app', issue)).toHaveLength(1);
  },
);

test('with the database frozen a webhook is answered 503, and Linear’s repetition an hour later is taken', async () => {
  const { linear, model } = world;
  await model.script('Come again', change('again.txt', 'a', 'Taken at last.'));
  await linear.fault({ kind: 'skew', ms: hourMs });
  const frozen = await postgres();
  let issue = '';
  try {
    for (const { pid } of frozen) process.kill(pid, 'SIGSTOP');
    issue = await linear.assign({ title: 'Come again' });
    await until('two refusals', async () => (await attempts(issue)).length === 2);
  } finally {
    for (const { pid } of frozen.toReversed()) process.kill(pid, 'SIGCONT');
  }
  expect((await attempts(issue)).map((each) => each.status)).toEqual([503, 503]);
  expect((await linear.closing(issue)).body).toMatch(/^✅ Taken at last\./);
  expect((await attempts(issue)).map((each) => each.status)).toEqual([503, 503, 200]);
  await linear.noFaults();
  await ended(issue, 1);
  expect(await linear.closings(issue)).toHaveLength(1);
});

test('no rule of Linear was broken on the way', async () => {
  const violations = (await world.linear.violations()).filter(
    (each) => each.kind !== 'no_first_activity' && each.kind !== 'webhook_timeout',
  );
  expect(violations).toEqual([]);
});

const attempts = async (issue: string): Promise<readonly { readonly status: number }[]> => {
  const session = (await world.linear.session(issue)).id;
  return (await world.linear.deliveries()).filter((each) => each.session === session && each.action === 'created');
};

/** Waits until nothing of the issue is under way, and holds how many tasks it took. */
async function ended(issue: string, count: number): Promise<void> {
  const tasks = await until(`the tasks of ${issue} to end`, async () => {
    const rows = JSON.parse((await world.cyrus('tasks', '--json')).stdout) as readonly { identifier: string; endedAt: number | null }[];
    const mine = rows.filter((row) => row.identifier === issue);
    return mine.every((row) => row.endedAt !== null) && mine;
  });
  expect(tasks).toHaveLength(count);
}

/** The world's own database server: the postmaster first, then its backends. */
async function postgres(): Promise<readonly Process[]> {
  const all = await processes();
  const postmaster = all.find(({ command }) => command.includes('postgres') && command.includes(world.directory));
  if (!postmaster) throw new Error('no database server of this world is running');
  return [postmaster, ...all.filter(({ parent }) => parent === postmaster.pid)];
}
