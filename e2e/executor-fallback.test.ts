import { afterAll, beforeAll, expect, test } from 'vitest';
import { scriptedAgent } from './support/agent.ts';
import { until } from './support/until.ts';
import { plainRepository, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  const failure = { class: 'auth', message: 'The door of the north is locked.', fix: 'Bring the key.' };
  world = await World.open({
    repositories: { app: plainRepository },
    config: {
      executors: {
        north: scriptedAgent({ file: 'north.txt', output: 'Done in the north.', fails: { words: 'a locked door', failure } }),
        south: scriptedAgent({ file: 'south.txt', output: 'Done in the south.' }),
      },
      executor: 'north',
      orchestrationStrategy: { primary: 'north', fallback: ['south'] },
    },
  });
});
afterAll(() => world?.close());

const executors = async (): Promise<string | undefined> => {
  const answer = await fetch(`${world.url}/readyz`);
  return ((await answer.json()) as { checks: Record<string, string> }).checks['executors'];
};

test('an executor that falls over: the same task ends on the other one, with one pull request; it is left alone, and used again when it works', async () => {
  const { linear, github } = world;
  const first = await linear.assign({ title: 'Behind a locked door' });
  const answer = await linear.closing(first);
  expect(answer.body).toMatch(/^✅ Done in the south\./);
  await linear.seen(first, /^North refuses its credentials\. Going on with south\.$/);
  expect(await linear.closings(first)).toHaveLength(1);
  const pulls = await github.pulls('app', first);
  expect(pulls).toHaveLength(1);
  const files = (await github.git('app', 'ls-tree', '-r', '--name-only', pulls[0]?.head ?? '')).split('\n');
  expect(files).toContain('south.txt');
  expect(files).not.toContain('north.txt');

  // Nobody else has to find out.
  expect(await executors()).toMatch(/^North refuses its credentials \(until it is mended\)$/);
  const second = await linear.assign({ title: 'Anywhere' });
  expect((await linear.closing(second)).body).toMatch(/^✅ Done in the south\./);
  await linear.seen(second, /^Starting on \*\*south\*\*/);

  // Its health is asked for; one run shows that it works.
  await until('north may be tried', async () => ((await executors())?.includes('tried again') ? true : undefined), { withinMs: 90_000 });
  const third = await linear.assign({ title: 'Somewhere' });
  expect((await linear.closing(third)).body).toMatch(/^✅ Done in the north\./);
  expect(await executors()).toBe('ok');
});
