/**
 * What Linear asks of a good agent, by its interaction guidelines and best practices, one fact a test, through the whole product. What
 * others of these files hold already is not repeated: stops (stop), messages (messages), questions (people), lost access (linear-events).
 */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ActivityView, textOf } from './support/linear.ts';
import { change, shell } from './support/model.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const running = 'until [ -e .git/go ] || [ $((i=i+1)) -gt 300 ]; do sleep 0.1; done';
let world: World;
let first: string;
let queued: string;

beforeAll(async () => {
  world = await World.open({ keepSystem: true, config: { limits: { maxParallelAgents: 1, maxAttemptsPerTask: 1 } } });
  const { linear, model } = world;
  await model.script('Take the only place', [shell(running), ...change('first.txt', '1', 'The first is done.')]);
  await model.script('Stand in the queue', change('second.txt', '2', 'The second is done.'));
  first = (await linear.people<{ identifier: string }>('issues', { title: 'Take the only place', assignee: 'Grace' })).identifier;
  await linear.people(`issues/${first}/comment`, { body: 'please do this', mention: true });
  await until('the first to be at its command', async () => (await model.requestsAbout('Take the only place')).length > 0);
  queued = await linear.assign({ title: 'Stand in the queue' });
});
afterAll(() => world?.close());

const age = (since: string, activity: ActivityView | undefined): number => Date.parse(activity?.createdAt ?? '') - Date.parse(since);

describe('at once', () => {
  test('webhooks are answered in well under five seconds', async () => {
    const slow = (await world.linear.deliveries()).filter((delivery) => delivery.status !== 200);
    expect(slow).toEqual([]);
    expect(await world.linear.violations()).toEqual([]);
  });

  test('the first thought comes within ten seconds, also behind other work, and the place in the queue is told', async () => {
    const { linear } = world;
    await linear.seen(queued, /^Queued: next; 1 agent runs at once on this machine\./);
    for (const issue of [first, queued]) {
      const { createdAt, activities, unresponsive } = await linear.session(issue);
      const said = activities.filter((activity) => activity.byAgent);
      expect(said[0]).toMatchObject({ type: 'thought', ephemeral: false });
      expect(age(createdAt, said[0])).toBeLessThan(10_000);
      expect(unresponsive).toBe(false);
    }
  });
});

describe('in Linear’s own terms', () => {
  test('a mentioned agent that works on an issue is its delegate; the assignee stays', async () => {
    const view = await until('the delegate', async () => {
      const issue = await world.linear.issue(first);
      return issue.delegate !== null && issue;
    });
    expect(view).toMatchObject({ delegate: 'Cyrus', assignee: 'Grace', state: 'In Progress', stateType: 'started' });
  });

  test('the checklist says where the work is', async () => {
    const { plan } = await world.linear.session(first);
    expect(plan?.map((step) => step.status)).toEqual(['inProgress', 'pending', 'pending']);
  });

  test('a tool call that runs is shown and gives way; what was done stays', async () => {
    const { linear } = world;
    const shown = await until('the command to be shown', async () =>
      (await linear.activities(first)).find((activity) => activity.type === 'action' && activity.result === null),
    );
    expect(shown).toMatchObject({ ephemeral: true, action: expect.stringMatching(/^[A-Z][a-z]+/), parameter: expect.stringMatching(/./) });
    expect(
      (await linear.activities(first)).filter((activity) => activity.type === 'thought' && !activity.ephemeral).length,
    ).toBeGreaterThan(1);
  });

  test('the agent is told the guidance of the team and the request in its thread', async () => {
    const [request] = await world.model.requestsAbout('Take the only place');
    expect(`${request?.system} ${request?.userTexts}`).toContain('Always follow the coding standards of the repository.');
    expect(request?.userTexts.join()).toContain('please do this');
  });
});

describe('to the end', () => {
  test('every turn ends with exactly one closing answer, after which nothing is said', async () => {
    const { linear, github } = world;
    const checkout = await until('the checkout', async () => (await world.checkouts('work'))[0]);
    await writeFile(`${checkout}/.git/go`, '');
    for (const issue of [first, queued]) {
      expect((await linear.closing(issue)).body).toMatch(/^✅ The (first|second) is done\./);
      await until('a pull request on the issue', async () => (await linear.issue(issue)).attachments.length === 1);
      const session = await linear.session(issue);
      const said = session.activities.filter((activity) => activity.byAgent);
      expect(session).toMatchObject({ status: 'complete', closings: 1 });
      expect(said.at(-1)?.type).toBe('response');
      expect(said.filter((activity) => activity.type === 'prompt')).toEqual([]);
      expect(session.externalUrls.map((link) => link.url)).toContain((await github.pulls('app', issue))[0]?.url);
      expect(session.plan?.map((step) => step.status)).toEqual(['completed', 'completed', 'completed']);
    }
  });

  test('milestones stay in the thread, signs of progress have given way', async () => {
    const said = await world.linear.activities(first);
    expect(said.map(textOf).join('\n')).toMatch(/Working in[\s\S]*Running the checks `npm test`/);
    expect(said.filter((activity) => activity.ephemeral && !activity.replaced)).toEqual([]);
    expect(said.filter((activity) => activity.ephemeral).length).toBeGreaterThan(0);
  });

  test('work that came to nothing says what failed, what is kept and what there is to choose', async () => {
    const { linear, model } = world;
    await model.script('Break the checks', change('broken.txt', 'by design', 'Broken.'));
    const issue = await linear.assign({ title: 'Break the checks' });
    const answer = await linear.closing(issue);
    expect(answer.type).toBe('elicitation');
    expect(answer.body).toMatch(/broken: by design/);
    expect(answer.body).toMatch(/kept/i);
    expect(answer.body).toMatch(/try again/i);
    expect((await linear.session(issue)).status).toBe('awaitingInput');
  });

  test('its own edits and comments, which arrive as webhooks too, start nothing', async () => {
    const { linear } = world;
    const sessions = await Promise.all([first, queued].map(async (issue) => (await linear.issue(issue)).sessions.length));
    expect(sessions).toEqual([1, 1]);
    const rows = JSON.parse((await world.cyrus('tasks', '--json')).stdout) as readonly { identifier: string }[];
    expect(rows.filter((row) => row.identifier === first)).toHaveLength(1);
  });

  test('Linear saw no rule broken', async () => {
    expect(await world.linear.violations()).toEqual([]);
  });
});
