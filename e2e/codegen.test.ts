import { afterAll, beforeAll, expect, test } from 'vitest';
import { scriptedAgent } from './support/agent.ts';
import { Codegen } from './support/codegen.ts';
import { textOf } from './support/linear.ts';
import { githubToken, plainRepository, World } from './support/world.ts';

let world: World;
let codegen: Codegen;
let cloneUrl: string;

const configure = (limits: object): Promise<void> =>
  world.configure({
    repositories: [{ id: 'app', remoteUrl: cloneUrl }],
    codegen: codegen.config({ timeoutMs: 2_000 }),
    executors: { here: scriptedAgent({ file: 'here.txt', output: 'Done here.' }) },
    orchestrationStrategy: { primary: 'codegen', fallback: ['here'] },
    cloudRuns: { lookForMs: 2_000, lateRunMs: 60_000, branchWaitMs: 10_000 },
    limits,
  });

beforeAll(async () => {
  world = await World.open({ repositories: {}, start: false });
  cloneUrl = await world.github.create('app', plainRepository);
  codegen = await Codegen.start(world.github, githubToken, ['acme/app']);
  await configure({});
  await world.start();
});
afterAll(async () => {
  await world?.close();
  await codegen?.program.end();
});

const work = (name: string) =>
  [
    { think: 'I begin.' },
    { write: { [`${name}.txt`]: `${name}\n` } },
    { push: true },
    { pullRequest: true },
    { end: 'COMPLETE', result: `Done: ${name}.` },
  ] as const;

/** One closing answer, one pull request of ours, and what is in it. */
async function cameHome(issue: string, file: string): Promise<string> {
  const { linear, github } = world;
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/^✅ /);
  expect(await linear.closings(issue)).toHaveLength(1);
  const pulls = await github.pulls('app', issue);
  expect(pulls.filter(({ state }) => state === 'open')).toHaveLength(1);
  expect((await github.git('app', 'ls-tree', '-r', '--name-only', pulls[0]?.head ?? '')).split('\n')).toContain(file);
  return (await linear.activities(issue)).map(textOf).join('\n');
}

const running = (issue: string): Promise<unknown> => world.linear.seen(issue, /^It runs on \*\*codegen\*\*/);

test('a service that is away, says strange things, and tells of the pull request late or never: the work comes home all the same', async () => {
  await codegen.script('Through a storm', [{ think: 'Here.' }, { until: 'calm' }, ...work('storm')]);
  await codegen.script('No pull request', [{ write: { 'bare.txt': 'bare\n' } }, { push: true }, { end: 'COMPLETE', result: 'Pushed.' }]);
  const [storm, bare] = [await world.linear.assign({ title: 'Through a storm' }), await world.linear.assign({ title: 'No pull request' })];
  await running(storm);
  await codegen.fault({ status: { word: 'DREAMING' }, pullRequestMs: 2_000 });
  await codegen.fault({ outage: { ms: 1_500 } });
  await codegen.go('calm');
  await codegen.fault({ status: { word: null } });
  await codegen.fault({ clear: true, pullRequestMs: 2_000 });
  await cameHome(storm, 'storm.txt');
  await cameHome(bare, 'bare.txt');
  expect(await codegen.runs('Through a storm')).toHaveLength(1);
  await codegen.fault({ clear: true });
});

test('too many starts: the time that is told is waited for, and it counts as no failure', async () => {
  await codegen.script('One too many', work('patient'));
  await codegen.fault({ refuseCreate: { count: 1, status: 429, retryAfterSeconds: 2 } });
  const issue = await world.linear.assign({ title: 'One too many' });
  await cameHome(issue, 'patient.txt');
  expect(await codegen.runs('One too many')).toHaveLength(1);
});

test('a run that is stuck, and a plan that is used up: the same task ends here, with one pull request', async () => {
  await world.service.end();
  await configure({ attemptTimeoutMs: 16_000 });
  await world.start();
  await codegen.script('Stuck for ever', [{ think: 'Hm.' }, { until: 'never' }]);
  const stuck = await world.linear.assign({ title: 'Stuck for ever' });
  await running(stuck);
  await codegen.fault({ refuseCreate: { count: 100, status: 402 } });
  const unpaid = await world.linear.assign({ title: 'Not paid for' });
  expect(await cameHome(unpaid, 'here.txt')).toMatch(/over its quota\. Going on with here\./);
  expect(await codegen.runs('Not paid for')).toEqual([]);
  expect(await cameHome(stuck, 'here.txt')).toMatch(/Going on with here\./);
  expect((await world.cyrus('explain', unpaid)).stdout).toContain('codegen');
});
