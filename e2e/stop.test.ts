import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from './support/call.ts';
import { type ActivityView, textOf } from './support/linear.ts';
import { change, commit, type Step, shell, write } from './support/model.ts';
import { running, workingIn } from './support/processes.ts';
import { until } from './support/until.ts';
import { plainRepository, World } from './support/world.ts';

/** Long enough to outlive the test, and a number nobody else sleeps for. */
const nap = `sleep ${100_000 + process.pid}.${Math.trunc(performance.now())}`;

let world: World;
beforeAll(async () => {
  world = await World.open({
    repositories: {
      app: { ...plainRepository, 'check.sh': `if [ -e slow.txt ]; then ${nap}; fi\n` },
      prepared: { ...plainRepository, 'setup.sh': `${nap}\n` },
    },
    repositoryConfig: { app: { verify: { commands: ['sh check.sh'] } }, prepared: { setup: { command: 'sh setup.sh' } } },
  });
});
afterAll(() => world?.close());

/** Stops, and returns the answer once it is there; holds that nothing of the work, which would go on for a day, runs any more. */
async function stopped(issue: string, body: RegExp): Promise<ActivityView> {
  await world.linear.stop(issue);
  const answer = await world.linear.closing(issue);
  expect(answer.type).toBe('response');
  expect(answer.body).toMatch(body);
  await until('everything it started to be gone', async () => (await running(nap)).length === 0 && (await agents()) === 0);
  return answer;
}

const agents = async (): Promise<number> => (await workingIn(`${world.home}/checkouts`)).length;

/** What a message after the stop leads to: the finished work, in one pull request. */
async function goesOn(issue: string, title: string, repository: string): Promise<void> {
  const { linear, github, model } = world;
  await model.script(title, change('end.txt', 'the end', 'Finished.'));
  await model.script(title, change('end.txt', 'the end', 'Finished.'), 'go on now');
  await linear.say(issue, 'Please go on now.');
  expect((await linear.closing(issue, 2)).body).toMatch(/^✅ Finished\./);
  expect(await github.pulls(repository, issue)).toHaveLength(1);
  expect(await linear.closings(issue)).toHaveLength(2);
}

async function assign(title: string, repository: string, steps: readonly Step[]): Promise<string> {
  await world.model.script(title, steps);
  return world.linear.assign({ title, description: `[repo=${repository}]` });
}

test('while the issue is being read', async () => {
  const { linear } = world;
  await linear.fault({ kind: 'latency', ms: 8_000, field: 'issue', times: 1 });
  const issue = await assign('Stop while reading', 'app', [{ text: 'never' }]);
  await linear.seen(issue, /Reading the issue/);
  await stopped(issue, /^Stopped before the work began\./);
  await linear.noFaults();
  await goesOn(issue, 'Stop while reading', 'app');
});

test('during the setup command', async () => {
  const issue = await assign('Stop while setting up', 'prepared', [{ text: 'never' }]);
  await until('the setup command to run', async () => (await running(nap)).length > 0);
  await stopped(issue, /^Stopped as Ada asked\. Nothing of it runs any more\./);
  await call(`${world.github.url}/people/push`, { repository: 'acme/prepared', branch: 'main', files: { 'setup.sh': 'true\n' } });
  await goesOn(issue, 'Stop while setting up', 'prepared');
});

test('during a call of the model', async () => {
  const { model } = world;
  const issue = await assign('Stop while thinking', 'app', [{ text: 'too late', delay: 60_000 }]);
  await until('a model call', async () => (await model.requestsAbout('Stop while thinking')).length > 0);
  await stopped(issue, /^Stopped as Ada asked\./);
  await until('the call to be cut', async () => (await model.requestsAbout('Stop while thinking')).every((request) => request.aborted));
  await goesOn(issue, 'Stop while thinking', 'app');
});

test('while the agent runs a command; what it had committed is kept and gone on from', async () => {
  const { github } = world;
  const issue = await assign('Stop while running', 'app', [write('kept.txt', 'kept'), commit('Keep this'), shell(`${nap} & ${nap}`)]);
  await until('the command to run', async () => (await running(nap)).length > 0);
  await stopped(issue, /^Stopped as Ada asked\./);
  await goesOn(issue, 'Stop while running', 'app');
  const [pull] = await github.pulls('app', issue);
  const subjects = (await github.git('app', 'log', '--format=%s', `main..${pull?.head}`)).trim().split('\n');
  expect(subjects).toEqual(['Add end.txt', 'Keep this']);
});

test('during the checks', async () => {
  const { github, linear } = world;
  const issue = await assign('Stop while checking', 'app', [write('slow.txt', 's'), commit('Slow'), { text: 'Check it.' }]);
  await until('the check to run', async () => (await running(nap)).length > 0);
  const answer = await stopped(issue, /^Stopped as Ada asked\./);
  expect(answer.body).toMatch(/\*\*Kept:\*\* the work so far/);
  expect(await github.pulls('app', issue)).toEqual([]);
  const { model } = world;
  await model.script('Stop while checking', [shell('git rm -q slow.txt && git commit -qm Fast'), { text: 'Fast now.' }], 'make it fast');
  await linear.say(issue, 'make it fast');
  expect((await linear.closing(issue, 2)).body).toMatch(/^✅ Fast now\./);
  expect(await github.pulls('app', issue)).toHaveLength(1);
});

test.each([
  ['the push', 'git.push'],
  ['the look-up of the pull request', 'pulls.list'],
])('while GitHub is slow with %s: nothing is written there after the answer', async (_name, operation) => {
  const { github, linear } = world;
  const title = `Stop before ${operation}`;
  const issue = await assign(title, 'app', change('a.txt', title));
  await linear.seen(issue, /Running the checks/);
  await github.fault({ latencyMs: 1_500 });
  // Slow from before the push on: what comes after it cannot be over before it is looked for.
  if (operation !== 'git.push')
    await until('the push', async () => (await github.pushes('app')).some((push) => push.ref.includes(issue.toLowerCase())));
  await until('publishing to be under way', async () => (await state(issue)) === 'publishing');
  await stopped(issue, /^Stopped as Ada asked\./);
  const pushes = (await github.pushes('app')).length;
  await until('nothing to wait to be sent', noWrites);
  await github.probe();
  await github.fault({ clear: true });
  expect(await github.pulls('app', issue)).toEqual([]);
  expect((await github.pushes('app')).length).toBe(pushes);
  await goesOn(issue, title, 'app');
});

/** Nothing waits to be sent to the code host. */
async function noWrites(): Promise<boolean> {
  const { outbound } = JSON.parse((await world.cyrus('status', '--json')).stdout) as { outbound: readonly { credential: string }[] };
  return !outbound.some(({ credential }) => credential === 'git' || credential === 'github');
}

async function state(issue: string): Promise<string | undefined> {
  const rows = JSON.parse((await world.cyrus('tasks', '--json')).stdout) as readonly { identifier: string; planState: string }[];
  const row = rows.find((each) => each.identifier === issue);
  return row?.planState === 'verifying' ? 'publishing' : row?.planState;
}

test('twice and after the end: one answer each, and nothing runs', async () => {
  const { linear } = world;
  const issue = await assign('Stop when done', 'app', change('done.txt', 'd', 'Done.'));
  await linear.closing(issue);
  await linear.stop(issue);
  expect(textOf(await linear.closing(issue, 2))).toMatch(/^Nothing was running\./);
});

test('Linear heard nothing after a stop but its one confirmation', async () => {
  expect(await world.linear.violations()).toEqual([]);
  expect(await running(nap)).toEqual([]);
});
