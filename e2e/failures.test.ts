import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { change } from './support/model.ts';
import { World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world?.close());

/** Starts the service again with another way to its agent. */
async function withClaude(claude: object): Promise<void> {
  await world.service.end();
  const repositories = [{ id: 'app', remoteUrl: `${world.github.url}/acme/app.git` }];
  await world.configure({ repositories, claude });
  await world.start();
}

test('a model API that is away: said with its address, and the work goes on by itself when it is back', async () => {
  const { linear, model } = world;
  await model.script('Nobody there', change('there.txt', 't', 'Somebody after all.'));
  await model.fault({ outage: true });
  const issue = await linear.assign({ title: 'Nobody there' });
  const said = await linear.seen(issue, /cannot be reached/);
  expect(said.body).toContain(model.url);
  expect(said.body).toMatch(/Trying again in \d+ s\./);
  expect(await linear.closings(issue)).toEqual([]);
  await model.noFaults();
  expect((await linear.closing(issue)).body).toMatch(/^✅ Somebody after all\./);
});

test('a key that is refused: said at once, with what to set', async () => {
  const { linear, model } = world;
  await model.fault({ invalidKey: true });
  const issue = await linear.assign({ title: 'Wrong key' });
  const answer = await linear.closing(issue);
  await model.noFaults();
  expect(answer.type).toBe('error');
  expect(answer.body).toMatch(/^❌ The model API at http:\S+ refused the key \(401\)/);
  expect(answer.body).toMatch(/\*\*What to do:\*\* Set ANTHROPIC_API_KEY/);
  expect(answer.body).not.toContain('e2e-model-key');
  expect(answer.body).toContain('The work is queued, and goes on by itself once that is mended.');
  await linear.stop(issue);
});

test('no key at all: said without asking the API', async () => {
  const { linear, model } = world;
  await withClaude({ apiUrl: model.url });
  const before = (await model.requests()).length;
  const issue = await linear.assign({ title: 'No key' });
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/^❌ There is no login for Claude Code: no API key is configured\./);
  expect(answer.body).toMatch(/ANTHROPIC_API_KEY/);
  expect((await model.requests()).length).toBe(before);
  await linear.stop(issue);
});

test('an agent that is not installed: said with the path; once it is there the work goes on by itself', async () => {
  const { linear, model } = world;
  const binaryPath = join(world.directory, 'no-such-claude');
  await withClaude({ apiUrl: model.url, apiKey: 'k', binaryPath });
  const issue = await linear.assign({ title: 'No agent' });
  const answer = await linear.closing(issue);
  expect(answer.type).toBe('error');
  expect(answer.body).toContain(binaryPath);
  expect(answer.body).toMatch(/not (?:there|installed|found)|no such|missing|cannot be/i);
  expect(answer.body).not.toMatch(/API at|refused the key|no login/);

  await model.script('No agent', change('now.txt', 'n', 'Here now.'));
  await withClaude({ apiUrl: model.url, apiKey: 'k' });
  expect((await linear.closing(issue, 2)).body).toMatch(/^✅ Here now\./);
});

test('the remote cannot be read: said with the address, without a token', async () => {
  const { linear } = world;
  await world.service.end();
  await world.configure({ repositories: [{ id: 'app', remoteUrl: `${world.github.url}/acme/gone.git` }] });
  await world.start();
  const issue = await linear.assign({ title: 'No repository' });
  const answer = await linear.closing(issue);
  expect(answer.type).toBe('error');
  expect(answer.body).toMatch(/^❌ .*gone/);
  expect(answer.body).not.toContain('e2e-github-token');
  expect(answer.body).toMatch(/\*\*What to do:\*\*/);
});

test('the log of the service holds none of the secrets', async () => {
  const log = join(world.home, 'logs', 'cyrus.log');
  const { stdout } = await world.cyrus('status', '--json');
  const text = `${await readFile(log, 'utf8')}${stdout}`;
  for (const secret of ['e2e-model-key', 'e2e-github-token', 'lin_oauth_app', 'e2e-webhook-secret']) expect(text).not.toContain(secret);
});
