import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { change, shell } from './support/model.ts';
import { until } from './support/until.ts';
import { plainRepository, World } from './support/world.ts';

// Two repositories, so that an issue labelled Feature may belong to either, and somebody who may not do anything.
let world: World;
const apiToken = 'e2e-api-token-0123456789';
const asking = {
  tool: 'AskUserQuestion',
  input: {
    questions: [
      {
        question: 'Which port?',
        header: 'Port',
        multiSelect: false,
        options: ['4000', '5000'].map((label) => ({ label, description: label })),
      },
    ],
  },
};
const untilReleased = `node -e "const t=setInterval(()=>require('fs').existsSync('.git/released')&&clearInterval(t),20)"`;

beforeAll(async () => {
  world = await World.open({
    linear: ['--announce-own-sessions'],
    repositories: { app: plainRepository, web: plainRepository },
    repositoryConfig: { app: { teamKeys: ['ENG'], routingLabels: ['Feature'] }, web: { routingLabels: ['Feature'] } },
    config: { userAccessControl: { blockedUsers: [{ email: 'Grace@example.test' }] }, server: { port: 0, apiToken } },
  });
});
afterAll(async () => {
  await world?.close();
});

const live = async (issue: string): Promise<{ state: string; planState: string } | undefined> =>
  (JSON.parse((await world.cyrus('tasks', '--json')).stdout) as { identifier: string; state: string; planState: string }[]).find(
    (row) => row.identifier === issue,
  );

describe('a question of the agent', () => {
  test('closes the turn with a choice; the answer in Linear goes on in the same conversation', async () => {
    const { linear, model, github } = world;
    await model.script('Open the port', [asking, ...change('port.txt', '4000', 'Port 4000 it is.')]);
    const issue = await linear.assign({ title: 'Open the port' });
    const question = await linear.closing(issue);
    expect(question).toMatchObject({ type: 'elicitation', signal: 'select' });
    expect(question.body).toContain('Which port?');
    expect(question.signalMetadata).toMatchObject({ options: [{ value: '4000' }, { value: '5000' }] });
    expect(await live(issue)).toMatchObject({ state: 'asking' });
    await linear.people(`sessions/${(await linear.session(issue)).id}/answer`, { value: '4000' });
    const done = await linear.closing(issue, 2);
    expect(done).toMatchObject({ type: 'response' });
    expect(done.body).toContain('Port 4000 it is.');
    expect(await github.pulls('app', issue)).toHaveLength(1);
    const heard = (await model.requestsAbout('Open the port')).at(-1)?.userTexts.join('\n') ?? '';
    expect(heard).toContain('You asked: Which port?');
  });

  test('is still open after everything was killed, and a terminal may answer it, once', async () => {
    const { linear, model } = world;
    await model.script('Survive the question', [asking, ...change('survived.txt', '5000', 'Survived.')]);
    const issue = await linear.assign({ title: 'Survive the question' });
    await linear.closing(issue);
    await world.service.kill();
    await world.start();
    const status = await world.cyrus('status');
    expect(status.stdout).toContain('Which port?');
    expect((await world.cyrus('answer', issue, '5000')).code).toBe(0);
    expect((await linear.closing(issue, 2)).body).toContain('Survived.');
    const again = await world.cyrus('answer', issue, '5000');
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('has no open question');
  });

  test('can be answered over the API, by whoever has the token', async () => {
    const { linear, model } = world;
    await model.script('Answer by program', [asking, ...change('program.txt', 'x', 'By program.')]);
    const issue = await linear.assign({ title: 'Answer by program' });
    await linear.closing(issue);
    const url = `${world.url}/api/v1`;
    expect((await fetch(`${url}/questions`)).status).toBe(401);
    const headers = { authorization: `Bearer ${apiToken}`, 'content-type': 'application/json' };
    const { questions } = (await (await fetch(`${url}/questions`, { headers })).json()) as {
      questions: { id: string; identifier: string }[];
    };
    const id = questions.find((question) => question.identifier === issue)?.id;
    const send = (body: object): Promise<Response> =>
      fetch(`${url}/questions/${id}/answer`, { method: 'POST', headers, body: JSON.stringify(body) });
    expect((await send({ text: ' ' })).status).toBe(409);
    expect((await send({ text: '4000', id: 'first' })).status).toBe(202);
    expect((await linear.closing(issue, 2)).body).toContain('By program.');
  });
});

describe('a pause', () => {
  test('ends the agent, keeps its work and conversation, and answers; resume goes on to one pull request', async () => {
    const { linear, model, github } = world;
    await model.script('Rest a while', [shell(`echo kept > kept.txt; ${untilReleased}`), ...change('rested.txt', 'r', 'Rested and done.')]);
    const issue = await linear.assign({ title: 'Rest a while' });
    await until('the agent to be at its command', async () => {
      const found = await world.checkouts('work');
      return found.some((directory) => existsSync(join(directory, 'kept.txt')));
    });
    await linear.say(issue, 'pause');
    expect((await linear.closing(issue)).body).toMatch(/^Paused\./);
    expect(await live(issue)).toMatchObject({ planState: 'parked' });
    await linear.say(issue, 'and mention the cat');
    expect((await linear.closing(issue, 2)).body).toMatch(/Your message is kept.*`resume`/s);
    const wrong = await world.cyrus('pause', issue);
    expect(wrong.stderr).toContain('waits already (paused)');
    for (const directory of await world.checkouts('work')) await writeFile(join(directory, '.git', 'released'), '');
    expect((await world.cyrus('resume', issue)).code).toBe(0);
    expect((await linear.closing(issue, 3)).body).toContain('Rested and done.');
    const [pull, ...more] = await github.pulls('app', issue);
    expect(more).toEqual([]);
    expect(await github.git('app', 'ls-tree', '--name-only', pull?.head ?? '')).toContain('kept.txt');
    const heard = (await model.requestsAbout('Rest a while')).at(-1)?.userTexts.join('\n') ?? '';
    expect(heard).toContain('and mention the cat');
    expect(await linear.violations()).toEqual([]);
  });

  test('of nothing says so, and a stop ends what rests', async () => {
    const { linear, model } = world;
    await model.script('Never mind', [asking, { text: 'x' }]);
    const issue = await linear.assign({ title: 'Never mind' });
    await linear.closing(issue);
    await linear.say(issue, 'stop');
    expect((await linear.closing(issue, 2)).body).toMatch(/^Stopped/);
    await linear.say(issue, 'pause');
    expect((await linear.closing(issue, 3)).body).toContain('nothing to pause');
    expect(JSON.parse((await world.cyrus('status', '--json')).stdout)).toMatchObject({ questions: [] });
  });
});

test('an issue that several repositories take is asked about once; the follow-up knows', async () => {
  const { linear, model, github } = world;
  await model.script('Ambiguous work', change('where.txt', 'w', 'In the right place.'));
  await model.script('Ambiguous work', change('more.txt', 'm', 'More of it.'), 'and more');
  const issue = await linear.assign({ title: 'Ambiguous work', labels: ['Feature'] });
  const question = await linear.closing(issue);
  expect(question).toMatchObject({ type: 'elicitation', signal: 'select' });
  expect(question.signalMetadata).toMatchObject({ options: [{ value: 'app' }, { value: 'web' }] });
  await linear.say(issue, 'hm, what is there?');
  expect((await linear.closing(issue, 2)).body).toContain('did not recognise');
  await linear.say(issue, 'the web one, please');
  expect((await linear.closing(issue, 3)).body).toContain('In the right place.');
  expect(await github.pulls('web', issue)).toHaveLength(1);
  await linear.say(issue, 'and more');
  expect((await linear.closing(issue, 4)).body).toContain('More of it.');
  expect(await github.pulls('app', issue)).toHaveLength(0);
});

test('a blocked issue waits, answers, and begins by itself when the other is done', async () => {
  const { linear, model } = world;
  await model.script('Second of two', change('second.txt', '2', 'Second done.'));
  const { identifier: first } = await linear.people<{ identifier: string }>('issues', { title: 'First of two' });
  const { identifier: second } = await linear.people<{ identifier: string }>('issues', { title: 'Second of two', blockedBy: [first] });
  await linear.people(`issues/${second}/delegate`);
  expect((await linear.closing(second)).body).toContain(`blocked by ${first}`);
  await linear.people(`issues/${first}/edit`, { state: 'Done' });
  expect((await linear.closing(second, 2)).body).toContain('Second done.');
  await linear.seen(second, /Nothing blocks this issue any more/);
  expect(await linear.violations()).toEqual([]);
});

test('a blocked issue begins at once when a person says so', async () => {
  const { linear, model } = world;
  await model.script('Impatient', change('now.txt', 'n', 'Done anyway.'));
  const { identifier: first } = await linear.people<{ identifier: string }>('issues', { title: 'Takes for ever' });
  const { identifier: second } = await linear.people<{ identifier: string }>('issues', { title: 'Impatient', blockedBy: [first] });
  await linear.people(`issues/${second}/delegate`);
  await linear.closing(second);
  await linear.say(second, 'start anyway');
  expect((await linear.closing(second, 2)).body).toContain('Done anyway.');
});

describe('somebody who is not on the list', () => {
  test('is refused politely, and nothing starts', async () => {
    const { linear, model } = world;
    const { identifier } = await linear.people<{ identifier: string }>('issues', { title: 'Graceless', as: 'Grace' });
    await linear.people(`issues/${identifier}/delegate`, { as: 'Grace' });
    expect((await linear.closing(identifier)).body).toMatch(/^Grace, you are not on the list/);
    expect(await model.requestsAbout('Graceless')).toEqual([]);
  });

  test('neither directs nor stops the work of others', async () => {
    const { linear, model } = world;
    await model.script('Steady work', [shell('sleep 3'), ...change('steady.txt', 's', 'Steady to the end.')]);
    const issue = await linear.assign({ title: 'Steady work' });
    await until('the agent to be at its command', async () => (await model.requestsAbout('Steady work')).length > 0);
    const { id } = await linear.session(issue);
    await linear.people(`sessions/${id}/prompt`, { body: 'delete everything', as: 'Grace' });
    await linear.people(`sessions/${id}/stop`, { as: 'Grace' });
    await linear.seen(issue, /not on the list of people who may stop/);
    expect((await linear.closing(issue)).body).toContain('Steady to the end.');
    const heard = (await model.requestsAbout('Steady work')).flatMap((request) => request.userTexts).join('\n');
    expect(heard).not.toContain('delete everything');
  });
});

test('a session that the agent opened itself starts nothing', async () => {
  const { linear, model } = world;
  const { identifier, id } = await linear.people<{ identifier: string; id: string }>('issues', { title: 'Made by myself' });
  const response = await fetch(linear.graphqlUrl, {
    method: 'POST',
    headers: { authorization: 'Bearer lin_oauth_app', 'content-type': 'application/json' },
    body: JSON.stringify({
      query: 'mutation ($input: AgentSessionCreateOnIssue!) { agentSessionCreateOnIssue(input: $input) { success } }',
      variables: { input: { issueId: id } },
    }),
  });
  expect(await response.json()).toMatchObject({ data: { agentSessionCreateOnIssue: { success: true } } });
  expect((await linear.closing(identifier)).body).toContain('I opened this thread myself');
  expect(await model.requestsAbout('Made by myself')).toEqual([]);
});

test('orders that make no sense say what to do instead', async () => {
  const { linear, model } = world;
  await model.script('Finished early', change('early.txt', 'e', 'Early.'));
  await model.script('Finished early', change('again.txt', 'a', 'Again.'), 'Try again.');
  const issue = await linear.assign({ title: 'Finished early' });
  await linear.closing(issue);
  const steer = await world.cyrus('steer', issue, 'left');
  expect(steer).toMatchObject({ code: 1, stderr: expect.stringContaining(`cyrus retry ${issue}`) });
  expect((await world.cyrus('resume', issue)).stderr).toContain('is not paused');
  expect((await world.cyrus('retry', 'ENG-999')).stderr).toContain('There is no task "ENG-999"');
  const retried = await world.cyrus('retry', issue, '--json');
  expect(JSON.parse(retried.stdout)).toMatchObject({ order: 'retry', identifier: issue });
  expect((await linear.closing(issue, 2)).body).toContain('Again.');
});
