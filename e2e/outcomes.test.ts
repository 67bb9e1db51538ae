import { afterAll, beforeAll, expect, test } from 'vitest';
import { change, commit, shell, write } from './support/model.ts';
import { until } from './support/until.ts';
import { plainRepository, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open({
    repositories: { app: plainRepository, bare: { 'README.md': '# nothing to check\n' }, stuck: plainRepository },
    repositoryConfig: { stuck: { setup: { command: 'echo installing; echo "no such registry" >&2; exit 3' } } },
  });
});
afterAll(() => world?.close());

test('a scoper writes a document: nothing is pushed, no pull request', async () => {
  const { linear, github, model } = world;
  const document = '# How greeting works\n\nOne function. Risks: none. Tasks: 1. trim names.';
  // It tries to leave a commit behind all the same.
  await model.script('How does greeting work', [shell('echo x > x.txt; git add -A; git commit -qm x'), { text: document }]);
  const issue = await linear.assign({ title: 'How does greeting work', description: '[repo=app]', labels: ['Scoper'] });
  const answer = await linear.closing(issue);

  expect(answer.type).toBe('response');
  expect(answer.body).toContain(document);
  expect(answer.body).not.toContain('Pull request');
  expect(await github.pushes('app')).toEqual([]);
  expect(await github.pulls('app')).toEqual([]);
  const view = await linear.issue(issue);
  expect(view.state).toBe('In Progress');
  expect(view.attachments).toEqual([]);
});

test('a scoper is given no tool that changes files', async () => {
  const [first] = await world.model.requestsAbout('How does greeting work');
  expect(first?.tools).toContain('Read');
  for (const tool of ['Edit', 'Write', 'NotebookEdit']) expect(first?.tools).not.toContain(tool);
});

test('no repository fits: an error in Linear says why and what to do, and a message tries again', async () => {
  const { linear, model } = world;
  const issue = await linear.assign({ title: 'Somewhere else', description: '[repo=nowhere]' });
  const answer = await linear.closing(issue);
  expect(answer.type).toBe('error');
  expect(answer.body).toMatch(
    /❌ No repository fits: the issue says \[repo=nowhere\], which is not configured \(configured: app, bare, stuck\)/,
  );
  expect(answer.body).toContain('**What to do:**');

  await model.script('Somewhere else', change('here.txt', 'here'));
  await linear.people(`issues/${issue}/edit`, { description: '[repo=app]' });
  await linear.say(issue, 'Now it names the right one.');
  expect((await linear.closing(issue, 2)).body).toMatch(/^✅/);
  expect(await world.github.pulls('app', issue)).toHaveLength(1);
});

test('failing checks go back to the agent, which mends the work', async () => {
  const { linear, github, model } = world;
  await model.script('Break it once', [write('broken.txt', 'the third wheel'), commit('Break'), { text: 'I think it works.' }]);
  await model.script(
    'Break it once',
    [shell('git rm -q broken.txt && git commit -qm Mend'), { text: 'Mended.' }],
    'the checks failed on it',
  );
  const issue = await linear.assign({ title: 'Break it once', description: '[repo=app]', labels: ['Feature'] });
  const answer = await linear.closing(issue);

  expect(answer.body).toMatch(/^✅ Mended\./);
  expect(answer.body).toMatch(/\*\*Checks:\*\* `npm test` passed/);
  expect(answer.body).toContain('**Attempts:** 2');
  await linear.seen(issue, /`npm test` failed on the committed work\. The agent gets the output and tries again\./);
  const told = (await model.requestsAbout('Break it once')).at(-1)?.userTexts.join('\n') ?? '';
  expect(told).toContain('broken: the third wheel');
  expect(await github.pulls('app', issue)).toHaveLength(1);
});

test('checks that go on failing end the turn with their output, what is kept and what there is to choose', async () => {
  const { linear, github, model } = world;
  await model.script('Break it for good', [write('broken.txt', 'four `ticks` ````'), commit('Break'), { text: 'It works here.' }]);
  const issue = await linear.assign({ title: 'Break it for good', description: '[repo=app]', labels: ['Feature'] });
  const answer = await linear.closing(issue);

  expect(answer.type).toBe('elicitation');
  // The second attempt commits nothing new, and the same checks failing on the same commit are not tried again.
  expect(answer.body).toMatch(/^❌ `npm test` still fails after 2 attempts, and the last one changed nothing\./);
  expect(answer.body).toContain('broken: four `ticks` ````');
  expect(answer.body).toContain('**The agent said:** It works here.');
  const kept = /\*\*Kept:\*\* .*`(refs\/cyrus\/wip\/[^`]+)`/.exec(answer.body ?? '')?.[1];
  expect(kept).toBeDefined();
  expect(await github.pulls('app', issue)).toEqual([]);
  expect((await linear.issue(issue)).state).toBe('In Progress');

  // What is said to be kept is there, and the next turn goes on from it.
  await model.script('Break it for good', [shell('git rm -q broken.txt && git commit -qm Mend'), { text: 'Now it does.' }], 'take it away');
  await linear.say(issue, 'Please take it away again.');
  expect((await linear.closing(issue, 2)).body).toMatch(/^✅ Now it does\./);
  const [pull] = await github.pulls('app', issue);
  const subjects = (await github.git('app', 'log', '--format=%s', `main..${pull?.head}`)).trim().split('\n');
  expect(subjects).toEqual(['Mend', 'Break']);
});

test('a repository without checks says that none ran', async () => {
  const { linear, github, model } = world;
  await model.script('Add a licence', change('LICENSE', 'free\n'));
  const issue = await linear.assign({ title: 'Add a licence', description: '[repo=bare]' });
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/\*\*Checks:\*\* not run: no check command was found in the repository/);
  expect(await github.pulls('bare', issue)).toHaveLength(1);
});

test('a setup command that fails is told with its output', async () => {
  const { linear, github } = world;
  const issue = await linear.assign({ title: 'Anything', description: '[repo=stuck]' });
  const answer = await linear.closing(issue);
  expect(answer.type).toBe('error');
  expect(answer.body).toMatch(/^❌ The setup command failed: it ended with code 3\./);
  expect(answer.body).toContain('no such registry');
  expect(answer.body).toContain('**What to do:** Mend the setup command');
  expect(await github.pushes('stuck')).toEqual([]);
});

test('an agent that changes nothing is asked again, and then the turn says so', async () => {
  const { linear, model } = world;
  await model.script('Do nothing', [{ text: 'Nothing to do.' }]);
  const issue = await linear.assign({ title: 'Do nothing', description: '[repo=app]', labels: ['Feature'] });
  const answer = await linear.closing(issue);
  expect(answer.type).toBe('elicitation');
  expect(answer.body).toMatch(/^❌ The agent ended without changing anything\./);
  await linear.seen(issue, /ended without a commit\. Asking it again/);

  await linear.say(issue, 'Try again');
  const second = await linear.closing(issue, 2);
  expect(second.body).toMatch(/^❌ The agent ended without changing anything\./);
  expect(second.body).toContain('**Attempts:** 4');
  await linear.say(issue, 'Stop here');
  expect((await linear.closing(issue, 3)).body).toMatch(/^Stopped/);
});

test('no rule of Linear was broken, and nothing is left behind', async () => {
  expect(await world.linear.violations()).toEqual([]);
  const gone = async (kind: 'work' | 'verify'): Promise<boolean> => (await world.checkouts(kind)).length === 0;
  await until('every checkout to be gone', async () => (await gone('work')) && (await gone('verify')));
});
