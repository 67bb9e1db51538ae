import { afterAll, beforeAll, expect, test } from 'vitest';
import { files, modelSteps } from '../apps/cli/src/demo/scenario.ts';
import { textOf } from './support/linear.ts';
import { change, shell } from './support/model.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open({ repositories: { greeter: files } });
});
afterAll(() => world?.close());

test('a bug becomes a pull request, with one answer that says everything', async () => {
  const { linear, github, model } = world;
  await model.script('Names with spaces', modelSteps as never);
  const issue = await linear.assign({ title: 'Names with spaces around them', description: 'greet("  Ada ") is wrong.', labels: ['Bug'] });
  const answer = await linear.closing(issue);

  const [pull] = await github.pulls('greeter');
  expect(answer.type).toBe('response');
  expect(answer.body).toMatch(/^✅ Fixed\. `greet` used the name as given/);
  expect(answer.body).toContain(`**Pull request:** [#${pull?.number}](${pull?.url})`);
  expect(answer.body).toMatch(/\*\*Changes:\*\* 1 file, \+1 −1: `src\/greet\.js`/);
  expect(answer.body).toMatch(/\*\*Checks:\*\* `npm test` passed \(/);
  expect(answer.body).toMatch(/\*\*Duration:\*\* [\d.]+ s · \*\*Cost:\*\* \$0\.\d+/);

  expect(pull).toMatchObject({ title: `${issue}: Names with spaces around them`, base: 'main', state: 'open', merged: false });
  expect(pull?.head).toMatch(/^cyrus\/eng-1-names-with-spaces/);
  expect(await github.git('greeter', 'show', `${pull?.head}:src/greet.js`)).toContain('name.trim()');

  const view = await linear.issue(issue);
  const session = await linear.session(issue);
  expect(view.state).toBe('In Review');
  expect(view.attachments).toMatchObject([{ url: pull?.url }]);
  expect(session.externalUrls).toMatchObject([{ url: pull?.url }]);
  expect(session.plan?.map((step) => [step.content, step.status])).toEqual([
    ['Do the work', 'completed'],
    ['Run the checks', 'completed'],
    ['Open the pull request', 'completed'],
  ]);
  expect(session.closings).toBe(1);
  expect(session.status).toBe('complete');
});

test('on the way it says what it does, moves the issue, and calls Linear sparingly', async () => {
  const { linear } = world;
  const states = (await linear.journal()).flatMap((entry) =>
    entry.kind === 'issue' && entry['change'] === 'updated' ? [(entry['issue'] as { state: string }).state] : [],
  );
  expect(states.filter((state, index) => state !== states[index - 1]).slice(-2)).toEqual(['In Progress', 'In Review']);

  const said = (await linear.activities('ENG-1')).map(textOf);
  expect(said[0]).toBe('Got it. Reading the issue…');
  expect(said[1]).toMatch(/^Working in \*\*greeter\*\* \(the only repository configured\) as \*\*debugger\*\* \(label Bug\)/);
  expect(said.some((text) => /Running the checks `npm test` \(found in package\.json\)/.test(text))).toBe(true);

  const { total, errors } = await linear.calls();
  expect(total).toBeLessThanOrEqual(24);
  expect(errors).toBe(0);
  expect(await linear.violations()).toEqual([]);
});

test('the service says that it is well, and the tasks are listed', async () => {
  expect((await fetch(`${world.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${world.url}/readyz`)).status).toBe(200);
  const listed = JSON.parse((await world.cyrus('tasks', '--json')).stdout) as readonly { identifier: string; planState: string }[];
  expect(listed).toMatchObject([{ identifier: 'ENG-1', planState: 'done' }]);
});

test('a mention in a comment asks for work, too', async () => {
  const { linear, github, model } = world;
  const mend = shell("sed -i 's/{name}/{name.trim()}/' src/greet.js");
  await model.script('Say goodbye', [mend, ...change('src/goodbye.js', 'export const goodbye = 1;\n', 'There is a goodbye now.')]);
  const { identifier } = await linear.people<{ identifier: string }>('issues', { title: 'Say goodbye', labels: ['Feature'] });
  await linear.people(`issues/${identifier}/comment`, { body: 'please do this one', mention: true });
  const answer = await linear.closing(identifier);
  expect(answer.body).toMatch(/^✅ There is a goodbye now\./);
  expect((await model.requestsAbout('Say goodbye'))[0]?.userTexts[0]).toContain('please do this one');
  expect(await linear.closings(identifier)).toHaveLength(1);
  expect(await github.pulls('greeter', identifier)).toHaveLength(1);
});

test('an issue taken from the agent is stopped', async () => {
  const { linear, github, model } = world;
  await model.script('Never mind', [{ text: 'too late', delay: 60_000 }]);
  const issue = await linear.assign({ title: 'Never mind' });
  await until('the agent to be asked', async () => (await model.requestsAbout('Never mind')).length > 0);
  await linear.people(`issues/${issue}/undelegate`);
  expect((await linear.closing(issue)).body).toMatch(/^Stopped/);
  await until('the call to be cut', async () => (await model.requestsAbout('Never mind')).every((request) => request.aborted));
  expect(await github.pulls('greeter', issue)).toEqual([]);
});

test('what is not signed by Linear is refused and does nothing', async () => {
  const before = (await world.linear.calls()).total;
  const body = JSON.stringify({ type: 'AgentSessionEvent', action: 'created', webhookTimestamp: Date.now() });
  const send = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${world.url}/webhooks/linear`, { method: 'POST', body, headers });
  expect((await send({})).status).toBe(401);
  expect((await send({ 'linear-signature': 'f'.repeat(64) })).status).toBe(401);
  expect((await send({ 'linear-signature': 'none' })).status).toBe(401);
  expect((await world.linear.calls()).total).toBe(before);
});
