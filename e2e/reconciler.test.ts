import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { textOf } from './support/linear.ts';
import { change, shell } from './support/model.ts';
import { Tunnel } from './support/tunnel.ts';
import { until } from './support/until.ts';
import { secret, World } from './support/world.ts';

const everyMs = 1_000;

let world: World;
let tunnel: Tunnel;
beforeAll(async () => {
  world = await World.open({ config: { reconcile: { everyMs }, stateOnMerge: 'Done' } });
  tunnel = await Tunnel.open(() => `${world.url}/webhooks/linear`);
  await world.linear.deliverTo(tunnel.url, secret);
});
afterAll(async () => {
  tunnel?.close();
  await world?.close();
});

const slow = shell('touch begun; i=0; until [ -e /tmp/never ] || [ $((i=i+1)) -gt 1200 ]; do sleep 0.1; done');

test('down while every webhook is lost: all of it is found and done, once, and what comes late changes nothing', async () => {
  const { linear, github, model } = world;
  // Before: one that is done, three that are under way.
  await model.script('An old one', change('old.txt', 'old', 'The first half.'));
  await model.script('An old one', change('old-2.txt', 'old', 'The second half.'), 'second half');
  const old = await linear.assign({ title: 'An old one' });
  await linear.closing(old);
  const live = { stop: 'Will be stopped', unassign: 'Will be taken away' };
  for (const title of Object.values(live)) await model.script(title, [slow, { text: 'never' }]);
  const toStop = await linear.assign({ title: live.stop });
  const toUnassign = await linear.assign({ title: live.unassign });
  await until('both to be worked on', async () => {
    const counts = await Promise.all(Object.values(live).map(async (title) => (await model.requestsAbout(title)).length));
    return counts.every((count) => count > 0);
  });

  // Down, and nobody hears of anything.
  await world.service.kill();
  tunnel.passes = () => false;
  const titles = ['New one', 'New two', 'New three'];
  const issues: string[] = [];
  for (const [n, title] of titles.entries()) {
    await model.script(title, change(`new-${n}.txt`, title, `${title} is done.`));
    issues.push(await linear.assign({ title, description: 'To be edited.' }));
  }
  await linear.say(old, 'Now the second half.');
  await linear.stop(toStop);
  await linear.people(`issues/${toUnassign}/undelegate`);
  await linear.people(`issues/${issues[2]}/edit`, { description: 'Edited while nobody listened.' });
  await until('all of it to be lost', () => tunnel.lostCount >= 8);

  await world.start();
  await linear.deliverTo(tunnel.url, secret);
  for (const [n, issue] of issues.entries()) {
    expect((await linear.closing(issue)).body).toMatch(new RegExp(`^✅ ${titles[n]} is done\\.`));
    expect(await github.pulls('app', issue)).toHaveLength(1);
  }
  expect((await linear.closing(old, 2)).body).toMatch(/^✅ The second half\./);
  expect((await linear.closing(toStop)).body).toMatch(/^Stopped/);
  expect((await linear.closing(toUnassign)).body).toMatch(/^Stopped|unassigned/i);
  expect((await model.requestsAbout('New three'))[0]?.userTexts[0]).toContain('Edited while nobody listened.');
  expect(await github.pulls('app', toStop)).toEqual([]);
  expect(await github.pulls('app', toUnassign)).toEqual([]);

  // Late, the lot of it.
  const all = [...issues, old, toStop, toUnassign];
  const said = async (): Promise<readonly string[]> =>
    (await Promise.all(all.map(async (issue) => (await linear.activities(issue)).map((each) => `${issue} ${textOf(each)}`)))).flat();
  const before = await said();
  const answers = await tunnel.deliverLate();
  expect(answers.length).toBeGreaterThanOrEqual(8);
  expect(new Set(answers)).toEqual(new Set([200]));
  await looked(3);
  expect(await said()).toEqual(before);
  // One first activity a turn, and the old issue has had two turns.
  expect(before.filter((text) => text.includes(' Got it'))).toHaveLength(all.length + 1);
  const tasks = JSON.parse((await world.cyrus('tasks', '--json')).stdout) as readonly { identifier: string; endedAt: number | null }[];
  expect(tasks.filter(({ endedAt }) => endedAt === null)).toEqual([]);
  expect(tasks).toHaveLength(all.length + 1);
});

test('while it runs and only some webhooks are lost: nothing twice, nothing forgotten', async () => {
  const { linear, github, model } = world;
  // The creations get lost, everything else arrives.
  tunnel.passes = (body) => !body.includes('"action":"created"');
  await model.script('Half heard', change('half.txt', 'h', 'Heard in the end.'));
  const issue = await linear.assign({ title: 'Half heard' });
  expect((await linear.closing(issue)).body).toMatch(/^✅ Heard in the end\./);
  // And now what people say.
  tunnel.passes = (body) => !body.includes('"action":"prompted"');
  await model.script('Half heard', change('more.txt', 'm', 'And the rest.'), 'and more');
  await linear.say(issue, 'Please, and more.');
  expect((await linear.closing(issue, 2)).body).toMatch(/^✅ And the rest\./);
  tunnel.passes = () => true;
  await tunnel.deliverLate();
  await looked(2);
  expect(await linear.closings(issue)).toHaveLength(2);
  expect((await linear.activities(issue)).filter((each) => /^Got it/.test(textOf(each)))).toHaveLength(2);
  expect(await github.pulls('app', issue)).toHaveLength(1);
});

test('issues that were closed, deleted and edited while nobody heard of it: the work on them is told', async () => {
  const { linear, model } = world;
  tunnel.passes = () => true;
  const titles = ['Closed unheard', 'Deleted unheard', 'Edited unheard'] as const;
  const issues: string[] = [];
  for (const title of titles) {
    await model.script(title, [shell('until [ -e .git/released ]; do sleep 0.05; done'), ...change(`${title}.txt`, 'x', 'Done.')]);
    issues.push(await linear.assign({ title, description: 'As it was.' }));
    await until(`the agent of ${title}`, async () => (await model.requestsAbout(title)).length > 0);
  }
  const [closed = '', deleted = '', edited = ''] = issues;
  tunnel.passes = () => false;
  await linear.people(`issues/${closed}/close`);
  await linear.people(`issues/${deleted}/remove`);
  await linear.people(`issues/${edited}/edit`, { description: 'As it is.' });
  expect((await linear.closing(closed)).body).toMatch(/^Stopped: Somebody moved the issue to Done\./);
  const states = async (): Promise<Readonly<Record<string, string>>> => {
    const rows = JSON.parse((await world.cyrus('tasks', '--json')).stdout) as readonly { identifier: string; state: string }[];
    return Object.fromEntries(rows.map(({ identifier, state }) => [identifier, state]));
  };
  await until('the deleted one to be stopped', async () => (await states())[deleted] === 'stopped');
  await linear.seen(edited, /Passing the edit of the issue to the agent at work\./);
  for (const checkout of await world.checkouts('work')) await writeFile(join(checkout, '.git', 'released'), '');
  expect((await linear.closing(edited)).body).toMatch(/^✅ Done\./);
  const heard = (await model.requestsAbout('Edited unheard')).at(-1)?.userTexts.join('\n') ?? '';
  expect(heard.split('<description-now>\nAs it is.').length - 1).toBe(1);
  expect(heard).toContain('<description-before>\nAs it was.');
  // Late, the lot of it.
  await tunnel.deliverLate();
  tunnel.passes = () => true;
  await looked(2);
  expect(await linear.closings(closed)).toHaveLength(1);
  expect(await linear.closings(edited)).toHaveLength(1);
});

test('an issue that is delegated without a session gets one, and is done once', async () => {
  const { linear, github, model } = world;
  tunnel.passes = () => true;
  await model.script('Without a session', change('silent.txt', 's', 'Found all the same.'));
  const { id, identifier } = await linear.people<{ id: string; identifier: string }>('issues', { title: 'Without a session' });
  // What the app does itself opens no session.
  const query = 'mutation ($id: String!, $app: String!) { issueUpdate(id: $id, input: { delegateId: $app }) { success } }';
  const viewer = await graphql<{ viewer: { id: string } }>('{ viewer { id } }', {});
  await graphql(query, { id, app: viewer.viewer.id });
  const found = await until('a session to be opened', async () => (await linear.issue(identifier)).sessions[0]);
  expect((await linear.closing(identifier)).body).toMatch(/^✅ Found all the same\./);
  await looked(2);
  expect((await linear.issue(identifier)).sessions).toEqual([found]);
  expect(await linear.closings(identifier)).toHaveLength(1);
  expect(await github.pulls('app', identifier)).toHaveLength(1);
});

async function graphql<T>(query: string, variables: object): Promise<T> {
  const answer = await fetch(world.linear.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer lin_oauth_app' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await answer.json()) as { readonly data: T; readonly errors?: unknown };
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

test('pull requests that people merged and closed while nobody heard of it: shown, the issue moves once, a follow-up begins anew', async () => {
  const { linear, github, model } = world;
  tunnel.passes = () => true;
  await model.script('To be merged', change('merged.txt', 'm', 'Ready to merge.'));
  await model.script('To be merged', change('after.txt', 'a', 'After the merge.'), 'after the merge');
  await model.script('To be closed', change('closed.txt', 'c', 'Not wanted.'));
  const issue = await linear.assign({ title: 'To be merged' });
  const unwanted = await linear.assign({ title: 'To be closed' });
  await linear.closing(issue);
  await linear.closing(unwanted);
  const [pull] = await github.pulls('app', issue);
  const [other] = await github.pulls('app', unwanted);
  await world.service.kill();
  await github.people('merge', { repository: 'acme/app', number: pull?.number, method: 'squash' });
  await github.people('deleteBranch', { repository: 'acme/app', branch: pull?.head });
  await github.people('close', { repository: 'acme/app', number: other?.number });
  await world.start();
  await linear.deliverTo(tunnel.url, secret);
  const ends = async (): Promise<Readonly<Record<string, string | undefined>>> => {
    const rows = JSON.parse((await world.cyrus('tasks', '--json')).stdout) as readonly Shown[];
    return Object.fromEntries(rows.map(({ identifier, pullRequest }) => [identifier, pullRequest?.state]));
  };
  await until('both ends to be known', async () => {
    const known = await ends();
    return known[issue] === 'merged' && known[unwanted] === 'closed';
  });
  expect((await world.cyrus('tasks')).stdout).toContain(`/acme/app/pull/${pull?.number} (merged)`);
  await until('the issue to be done', async () => (await linear.issue(issue)).state === 'Done');
  await until('the other to stay in review', async () => (await linear.issue(unwanted)).state === 'In Review');
  expect(await linear.closings(issue)).toHaveLength(1);

  await linear.say(issue, 'One more thing, after the merge.');
  expect((await linear.closing(issue, 2)).body).toMatch(/^✅ After the merge\./);
  await linear.seen(issue, new RegExp(`#${pull?.number} was merged, so it begins at the base branch`));
  const [, second, ...more] = [...(await github.pulls('app', issue))].sort((a, b) => a.number - b.number);
  expect(more).toEqual([]);
  expect(second).toMatchObject({ state: 'open', merged: false });
  expect(second?.head).not.toBe(pull?.head);
  expect(await github.git('app', 'diff', '--name-only', 'main', second?.head ?? '')).toBe('after.txt\n');
});

interface Shown {
  readonly identifier: string;
  readonly pullRequest: { readonly state?: string } | null;
}

test('what people do elsewhere is left alone, and a look at a quiet workspace takes three calls', async () => {
  const { linear } = world;
  tunnel.passes = () => false;
  // A comment without a mention is nobody’s request.
  const { identifier } = await linear.people<{ identifier: string }>('issues', { title: 'Talk among people' });
  await linear.people(`issues/${identifier}/comment`, { body: 'What do you think?' });
  const before = await asked();
  await looked(3);
  const after = await asked();
  expect((await linear.issue(identifier)).sessions).toEqual([]);
  expect(after.sessions - before.sessions).toBeLessThanOrEqual(after.prompts - before.prompts);
  expect(after.delegated - before.delegated).toBeLessThanOrEqual(after.prompts - before.prompts);
  expect(after.errors).toBe(before.errors);
});

async function asked(): Promise<{
  readonly prompts: number;
  readonly sessions: number;
  readonly delegated: number;
  readonly errors: number;
}> {
  const { byOperation, errors } = await world.linear.calls();
  return {
    prompts: byOperation['RecentPrompts'] ?? 0,
    sessions: byOperation['RecentSessions'] ?? 0,
    delegated: byOperation['DelegatedIssues'] ?? 0,
    errors,
  };
}

/** Waits for so many more whole looks at Linear. */
async function looked(times: number): Promise<void> {
  // The one under way may have begun before what is to be seen.
  const wanted = (await asked()).prompts + times + 1;
  await until('the reconciler to look again', async () => (await asked()).prompts >= wanted);
}
