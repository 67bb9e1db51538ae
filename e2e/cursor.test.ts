import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cursor } from './support/cursor.ts';
import { openWorldDatabase } from './support/database.ts';
import { until } from './support/until.ts';
import { githubToken, plainRepository, World } from './support/world.ts';

let world: World;
let cursor: Cursor;

beforeAll(async () => {
  world = await World.open({ repositories: {}, start: false });
  const remoteUrl = await world.github.create('app', plainRepository);
  cursor = await Cursor.start(world.github, githubToken);
  await world.configure({ repositories: [{ id: 'app', remoteUrl }], cursor: cursor.config(), strategy: 'cloud-only' });
  await world.start();
});
afterAll(async () => {
  await world?.close();
  await cursor?.program.end();
});

const logs = async (issue: string): Promise<string> => (await world.cyrus('logs', issue)).stdout;

/** Messages that an executor has taken for the next run of an agent. */
async function handed(): Promise<number> {
  const db = await openWorldDatabase(world);
  try {
    const { rows } = await db.query<{ n: number }>("select count(*)::int n from cyrus.job_message where outcome = 'queued'");
    return rows[0]?.n ?? 0;
  } finally {
    await db.close();
  }
}

test('an agent of Cursor: followed through a kill of the service, told what people say, one pull request, and what it cost', async () => {
  const { linear, github } = world;
  await cursor.script('Use port 4000', [{ write: { 'port.txt': '4000\n' } }, { say: 'Port 4000 it is.' }]);
  await cursor.script('Written in the cloud', [
    { say: 'Only once.' },
    { tool: 'read_file' },
    { wait: true },
    { write: { 'cloud.txt': 'c\n' } },
    { say: 'Done.' },
  ]);
  const issue = await linear.assign({ title: 'Written in the cloud' });
  await linear.seen(issue, /It runs on \*\*cursor\*\*: https:\/\/cursor\.com\/agents\/bc-/);
  await until('its first word to be stored', async () => (await logs(issue)).includes('Only once.'), { withinMs: 60_000 });
  await world.service.kill();
  await world.start();
  await linear.say(issue, 'Use port 4000.');
  await linear.seen(issue, /Passing your message to the agent at work/);
  // It is handed over by the job that follows the run, and waits there until the run is over.
  await until('the message to be handed over', async () => (await handed()) === 1, { withinMs: 60_000 });
  await cursor.release();

  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/^✅ /);
  expect(await linear.closings(issue)).toHaveLength(1);
  const agents = await cursor.agents('Written in the cloud');
  expect(agents).toHaveLength(1);
  expect(agents[0]?.request.autoCreatePR).toBe(false);
  const pulls = await github.pulls('app', issue);
  expect(pulls).toHaveLength(1);
  const files = (await github.git('app', 'ls-tree', '-r', '--name-only', pulls[0]?.head ?? '')).split('\n');
  expect(files).toContain('cloud.txt');
  expect(files).toContain('port.txt');
  // Two runs of 8.084276 cents, each charged once.
  expect(answer.body).toContain('$0.1617');
  expect(agents[0]?.runs.map(({ status }) => status)).toEqual(['FINISHED', 'FINISHED']);
  expect(agents[0]?.runs[1]?.prompt).toMatch(/^Message \d+ from the people you work for:[\s\S]*Use port 4000\./);
  expect((await logs(issue)).split('Only once.')).toHaveLength(2);
});

test('a stop stops the agent, and says so', async () => {
  const { linear } = world;
  await cursor.script('Never ends', [{ say: 'I begin.' }, { forever: true }]);
  const issue = await linear.assign({ title: 'Never ends' });
  await linear.seen(issue, /It runs on \*\*cursor\*\*/);
  await linear.stop(issue);
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/^Stopped/);
  expect((await cursor.agents('Never ends'))[0]?.runs).toMatchObject([{ status: 'CANCELLED' }]);
});
