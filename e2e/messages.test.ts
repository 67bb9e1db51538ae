import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { textOf } from './support/linear.ts';
import { change, commit, shell, write } from './support/model.ts';
import { until } from './support/until.ts';
import { plainRepository, World } from './support/world.ts';

/** Waits for a file in its working copy, so that a test decides how long it takes. */
const untilReleased = 'until [ -e .git/released ]; do sleep 0.05; done';

let world: World;
beforeAll(async () => {
  const slow = { ...plainRepository, 'check.sh': `if [ -e slow.txt ]; then ${untilReleased}; fi\n` };
  world = await World.open({
    repositories: { app: slow },
    repositoryConfig: { app: { verify: { commands: ['sh check.sh'] } } },
  });
});
afterAll(() => world?.close());

const release = async (kind: 'work' | 'verify'): Promise<void> => {
  const [checkout] = await until(`a checkout to ${kind} in`, async () => {
    const found = await world.checkouts(kind);
    return found.length > 0 && found;
  });
  await writeFile(join(checkout ?? '', '.git', 'released'), '');
};

test('a message to an agent at work is passed on visibly and is in its next model request', async () => {
  const { linear, github, model } = world;
  await model.script('Greet politely', [shell(untilReleased), write('a.txt', 'a'), commit('Add a'), { text: 'Greeted, with cheese.' }]);
  const issue = await linear.assign({ title: 'Greet politely' });
  await until('the agent to be at its command', async () => (await model.requestsAbout('Greet politely')).length > 0);
  await linear.say(issue, 'Use cheese, please: {"not": "json"} </message>');
  await linear.seen(issue, /Passing your message to the agent at work\./);
  const before = (await model.requestsAbout('Greet politely')).length;
  await release('work');
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/^✅ Greeted, with cheese\./);

  const after = (await model.requestsAbout('Greet politely')).slice(before);
  expect(after.some((request) => request.userTexts.some((text) => text.includes('Use cheese, please')))).toBe(true);
  expect(await linear.closings(issue)).toHaveLength(1);
  expect(await github.pulls('app', issue)).toHaveLength(1);
});

test('messages during the checks are kept visibly and then done, in their order, before the one answer', async () => {
  const { linear, github, model } = world;
  await model.script('Check slowly', [write('slow.txt', 's'), commit('Slow'), { text: 'First part done.' }]);
  const second = [shell('git rm -q slow.txt'), write('second.txt', '2'), commit('Second'), { text: 'Both parts done.' }];
  await model.script('Check slowly', second, 'Second wish');
  const issue = await linear.assign({ title: 'Check slowly' });
  await linear.seen(issue, /Running the checks/);
  await until('the checks to run', async () => (await world.checkouts('verify')).length > 0);
  const kept = async (): Promise<number> =>
    (await linear.activities(issue)).filter((each) =>
      /Your message is kept: the agent gets it when the checks have ended/.test(textOf(each)),
    ).length;
  await linear.say(issue, 'First wish');
  // Deliveries may overtake each other on their way: what arrives first is first.
  await until('the first to be kept', async () => (await kept()) === 1);
  await linear.say(issue, 'Second wish');
  await until('both to be kept', async () => (await kept()) === 2);
  await release('verify');
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/^✅ Both parts done\./);

  const prompt = (await model.requestsAbout('Check slowly')).at(-1)?.userTexts.join('\n') ?? '';
  expect(prompt.lastIndexOf('First wish')).toBeGreaterThan(0);
  expect(prompt.lastIndexOf('First wish')).toBeLessThan(prompt.lastIndexOf('Second wish'));
  expect(await linear.closings(issue)).toHaveLength(1);
  const [pull] = await github.pulls('app', issue);
  expect((await github.git('app', 'ls-tree', '--name-only', pull?.head ?? '')).split('\n')).toContain('second.txt');
});

test('a message after the end goes on in the same conversation, branch and pull request', async () => {
  const { linear, github, model } = world;
  await model.script('Begin it', change('begin.txt', 'begun', 'Begun.'));
  await model.script('Begin it', change('more.txt', 'more', 'More is there.'), 'And now more');
  const issue = await linear.assign({ title: 'Begin it' });
  expect((await linear.closing(issue)).body).toMatch(/^✅ Begun\./);
  const [first] = await github.pulls('app', issue);
  await linear.say(issue, 'And now more of it.');
  const answer = await linear.closing(issue, 2);
  expect(answer.body).toMatch(/^✅ More is there\./);
  expect(answer.body).toContain(`**Pull request:** [#${first?.number}]`);

  const pulls = await github.pulls('app', issue);
  expect(pulls).toHaveLength(1);
  expect(pulls[0]?.head).toBe(first?.head);
  expect(pulls[0]?.headSha).not.toBe(first?.headSha);
  const subjects = (await github.git('app', 'log', '--format=%s', `main..${first?.head}`)).trim().split('\n');
  expect(subjects).toEqual(['Add more.txt', 'Add begin.txt']);
  // The agent was resumed: its last request still holds what it said first.
  const last = (await model.requestsAbout('Begin it')).at(-1);
  expect(last?.userTexts.some((text) => text.includes('And now more'))).toBe(true);
  expect(last?.messageCount).toBeGreaterThan(6);
  expect(await linear.closings(issue)).toHaveLength(2);
  expect((await linear.issue(issue)).state).toBe('In Review');
});

test('a question after the end is answered without a commit, and nothing is pushed for it', async () => {
  const { linear, github, model } = world;
  await model.script('Explain yourself', change('why.txt', 'because', 'It is done.'));
  await model.script('Explain yourself', [{ text: 'Because you asked.' }], 'Why did you');
  const issue = await linear.assign({ title: 'Explain yourself' });
  await linear.closing(issue);
  const pushes = (await github.pushes('app')).length;
  await linear.say(issue, 'Why did you do it?');
  const answer = await linear.closing(issue, 2);
  expect(answer.type).toBe('response');
  expect(answer.body).toMatch(/^✅ Because you asked\./);
  expect((await github.pushes('app')).length).toBe(pushes);
  expect(await github.pulls('app', issue)).toHaveLength(1);
});

test('a message while the work is being published is done too, before the one answer, in the same pull request', async () => {
  const { linear, github, model } = world;
  await model.script('Publish slowly', change('one.txt', '1', 'One.'));
  await model.script('Publish slowly', change('two.txt', '2', 'One and two.'), 'and two');
  const issue = await linear.assign({ title: 'Publish slowly' });
  await linear.seen(issue, /Running the checks/);
  await github.fault({ latencyMs: 1_000 });
  await until('the push', async () => (await github.pushes('app')).some((push) => push.ref.includes(issue.toLowerCase())));
  await linear.say(issue, 'One, and two, please.');
  await github.fault({ clear: true });
  expect((await linear.closing(issue)).body).toMatch(/^✅ One and two\./);
  const pulls = await github.pulls('app', issue);
  expect(pulls).toHaveLength(1);
  expect((await github.git('app', 'ls-tree', '--name-only', pulls[0]?.head ?? '')).split('\n')).toEqual(
    expect.arrayContaining(['one.txt', 'two.txt']),
  );
  expect(await linear.closings(issue)).toHaveLength(1);
});

test('a second thread on an issue joins the work that is under way; each gets its one answer', async () => {
  const { linear, github, model } = world;
  await model.script('Two threads', [shell(untilReleased), ...change('threads.txt', 't', 'Woven together.')]);
  const issue = await linear.assign({ title: 'Two threads' });
  const first = await linear.session(issue);
  await until('the agent to be at its command', async () => (await model.requestsAbout('Two threads')).length > 0);
  await linear.people(`issues/${issue}/comment`, { body: 'and weave them, please', mention: true });
  const second = await until('a second session', async () => {
    const session = await linear.session(issue);
    return session.id !== first.id && session;
  });
  await linear.seen(issue, /This issue is being worked on already/);
  await linear.seen(issue, /Passing your message to the agent at work/);
  await release('work');
  expect((await linear.closing(issue)).body).toMatch(/^✅ Woven together\./);
  await until('the first thread to be answered', async () => (await linear.byId(first.id)).closings === 1);
  expect((await linear.byId(second.id)).closings).toBe(1);
  const heard = (await model.requestsAbout('Two threads')).flatMap((request) => request.userTexts).join('\n');
  expect(heard).toContain('and weave them, please');
  expect(await github.pulls('app', issue)).toHaveLength(1);
});

test('three messages at once after the end are one turn with one answer', async () => {
  const { linear, github, model } = world;
  await model.script('Take three', change('zero.txt', '0', 'Ready.'));
  await model.script('Take three', change('three.txt', '3', 'All three are done.'), 'wish three');
  const issue = await linear.assign({ title: 'Take three' });
  await linear.closing(issue);
  for (const wish of ['wish one', 'wish two', 'wish three']) await linear.say(issue, wish);
  expect((await linear.closing(issue, 2)).body).toMatch(/^✅ All three are done\./);
  const heard = (await model.requestsAbout('Take three')).at(-1)?.userTexts.join('\n') ?? '';
  const places = ['wish one', 'wish two', 'wish three'].map((wish) => heard.lastIndexOf(wish));
  expect(places.every((place) => place >= 0)).toBe(true);
  expect(places).toEqual([...places].sort((a, b) => a - b));
  await until('every task to have ended', async () => {
    const rows = JSON.parse((await world.cyrus('tasks', '--json')).stdout) as readonly { endedAt: number | null }[];
    return rows.every((row) => row.endedAt !== null);
  });
  expect(await linear.closings(issue)).toHaveLength(2);
  expect(await github.pulls('app', issue)).toHaveLength(1);
  expect(await linear.violations()).toEqual([]);
});
