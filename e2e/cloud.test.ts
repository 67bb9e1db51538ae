import { afterAll, beforeAll, expect, test } from 'vitest';
import { scriptedAgent } from './support/agent.ts';
import { Codegen } from './support/codegen.ts';
import { textOf } from './support/linear.ts';
import { until } from './support/until.ts';
import { githubToken, plainRepository, World } from './support/world.ts';

let world: World;
let codegen: Codegen;
/** Thirty times faster than with the defaults. */
const cloudRuns = { lookForMs: 1_500, lateRunMs: 120_000, branchWaitMs: 3_000 };
const settings = (more: object = {}): Promise<void> =>
  world.configure({
    repositories: [{ id: 'app', remoteUrl: cloneUrl }],
    codegen: codegen.config({ timeoutMs: 1_000 }),
    strategy: 'cloud-only',
    cloudRuns,
    limits: { maxAttemptsPerTask: 1 },
    ...more,
  });
let cloneUrl: string;
/** Each test waits for several runs. */
const slowMs = 400_000;

beforeAll(async () => {
  world = await World.open({ repositories: {}, start: false });
  cloneUrl = await world.github.create('app', plainRepository);
  codegen = await Codegen.start(world.github, githubToken, ['acme/app']);
  await settings();
  await world.start();
});
afterAll(async () => {
  await world?.close();
  await codegen?.program.end();
});

const said = async (issue: string): Promise<string> => (await world.linear.activities(issue)).map(textOf).join('\n');
const work = (name: string) =>
  [
    { think: 'I begin.' },
    { tool: 'RunCommand', input: { command: 'ls' }, output: { output: 'package.json' } },
    { write: { [`${name}.txt`]: `${name}\n` } },
    { push: true },
    { pullRequest: true },
    { end: 'COMPLETE', result: `Done: ${name}.` },
  ] as const;

/** One pull request of ours, one closing answer; that pull request. */
async function cameHome(issue: string, files: readonly string[]): Promise<{ readonly number: number; readonly head: string }> {
  const { linear, github } = world;
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/^✅ /);
  const pulls = await github.pulls('app', issue);
  expect(pulls.map(({ state, base }) => [state, base])).toEqual([['open', 'main']]);
  const pull = pulls[0] as { number: number; head: string };
  const there = (await github.git('app', 'ls-tree', '-r', '--name-only', pull.head)).split('\n');
  expect(there).toEqual(expect.arrayContaining([...files]));
  expect(answer.body).toContain(`[#${pull.number}]`);
  expect(await linear.closings(issue)).toHaveLength(1);
  return pull;
}

/** Nothing that agents opened by themselves is open. */
const othersClosed = (): Promise<unknown> =>
  until(
    'the pull requests of runs to be closed',
    async () => (await world.github.pulls('app')).every(({ state, title }) => state === 'closed' || /^ENG-\d+: /.test(title)),
    { explain: async () => JSON.stringify(await world.github.pulls('app'), null, 1) },
  );

test(
  'a cloud run: followed as any other, checked here, one pull request, which is ours',
  async () => {
    const { linear, github } = world;
    await codegen.script('Written far away', [...work('far')]);
    const issue = await linear.assign({ title: 'Written far away' });
    const pull = await cameHome(issue, ['far.txt']);
    expect(pull.head).toMatch(/^cyrus\/eng-\d+-written-far-away$/);
    const [run] = await codegen.runs('Written far away');
    expect(run?.prompts[0]).toMatch(/Push Branch: `cyrus\/eng-\d+-written-far-away-a1`/);

    const text = await said(issue);
    expect(text).toMatch(/It runs on \*\*codegen\*\*: http/);
    expect(text).toMatch(/Running the checks `npm test`/);
    expect((await linear.session(issue)).externalUrls?.map(({ label }) => label)).toEqual([
      `Pull request #${pull.number}`,
      'Run on codegen',
    ]);
    expect((await world.cyrus('logs', issue)).stdout).toMatch(/run \d+ on codegen: http[\s\S]*agent: I begin\.[\s\S]*ls/);
    const [task] = JSON.parse((await world.cyrus('tasks', '--json')).stdout) as readonly { runUrl: string }[];
    expect(task?.runUrl).toMatch(/^http/);

    await othersClosed();
    const { comments } = await github.repository('app');
    expect(comments.filter(({ body }) => body.includes(`goes on in #${pull.number} `))).toHaveLength(1);
    await until('its branch to be deleted', async () => !(await github.git('app', 'branch')).includes(`${pull.head}-a1`));
  },
  slowMs,
);

test(
  'a create whose answer is lost, and one whose run appears late: found, used, and no second run',
  async () => {
    const { linear } = world;
    await codegen.script('Answer lost', [...work('lost')]);
    await codegen.fault({ loseAnswer: { 'runs.create': 1 } });
    const lost = await linear.assign({ title: 'Answer lost' });
    await cameHome(lost, ['lost.txt']);
    expect(await codegen.runs('Answer lost')).toHaveLength(1);

    await codegen.script('Appears late', [...work('late')]);
    await codegen.fault({ lateCreate: { count: 1, ms: 1_500 } });
    const late = await linear.assign({ title: 'Appears late' });
    await cameHome(late, ['late.txt']);
    expect(await codegen.runs('Appears late')).toHaveLength(1);
    expect(await said(late)).toContain('has not said whether the run began. Looking for it.');
  },
  slowMs,
);

test(
  'a create that times out and appears when another one is at work: one is used, the other is stopped and reported',
  async () => {
    const { linear } = world;
    await codegen.script('Twice', [{ think: 'I begin.' }, { until: 'twice' }, ...work('twice')]);
    await codegen.fault({ lateCreate: { count: 1, ms: 15_000 } });
    const issue = await linear.assign({ title: 'Twice' });
    await until('both runs to be there', async () => (await codegen.runs('Twice')).length === 2, {
      withinMs: 60_000,
      explain: () => linear.describe(issue),
    });
    await codegen.go('twice');
    await cameHome(issue, ['twice.txt']);
    const late = /a late run \d+ turned up on codegen; stop: (?:confirmed|requested)/;
    await until('the late run to be caught', async () => late.test((await world.cyrus('logs', issue)).stdout), { withinMs: 60_000 });
    await othersClosed();
  },
  slowMs,
);

test(
  'a stop says what became of the run; the service killed in the middle of one: it goes on, and is followed from where it was',
  async () => {
    const { linear } = world;
    const slow = [{ think: 'Only once.' }, { until: 'go on' }] as const;
    await codegen.script('Goes on', [...slow, ...work('on')]);
    await codegen.script('Is to stop', slow);
    const [goes, stops] = [await linear.assign({ title: 'Goes on' }), await linear.assign({ title: 'Is to stop' })];
    for (const issue of [goes, stops]) await linear.seen(issue, /It runs on/);
    await linear.stop(stops);
    const answer = await linear.closing(stops);
    expect(answer.body).toMatch(/^Stopped.*\*\*codegen\*\* stops a run by its pull request only, and there is none yet: .* See http/);
    expect((await world.cyrus('logs', stops)).stdout).toMatch(/stop asked of codegen: unsupported/);
    const told = async (): Promise<boolean> => (await world.cyrus('logs', goes)).stdout.includes('Only once.');
    await until('its first word to be stored', told);
    await world.service.kill();
    await world.start();
    await codegen.go('go on');
    await cameHome(goes, ['on.txt']);
    expect(await codegen.runs('Goes on')).toHaveLength(1);
    expect((await world.cyrus('logs', goes)).stdout.split('Only once.')).toHaveLength(2);
    expect(await linear.closings(stops)).toHaveLength(1);
  },
  slowMs,
);

test(
  'a pull request told of late, a status nobody knows, a service that is away or refuses for a while: all of it comes home',
  async () => {
    const { linear } = world;
    await codegen.fault({ pullRequestMs: 1_500 });
    await codegen.script('Told late', [{ write: { 'told.txt': '1' } }, { push: { branch: 'codegen/own-name' } }, { pullRequest: true }]);
    const late = await linear.assign({ title: 'Told late' });
    await cameHome(late, ['told.txt']);
    await codegen.fault({ clear: true, status: { word: 'HIBERNATING' } });
    await codegen.script('Of no known status', [...work('unknown')]);
    const unknown = await linear.assign({ title: 'Of no known status' });
    await linear.seen(unknown, /It runs on/);
    await codegen.fault({ clear: true, refuseCreate: { count: 1, status: 429, retryAfterSeconds: 1 } });
    await cameHome(unknown, ['unknown.txt']);
    await codegen.script('Refused at first', [...work('refused')]);
    await cameHome(await linear.assign({ title: 'Refused at first' }), ['refused.txt']);
    await codegen.script('Away at first', [...work('away')]);
    await codegen.fault({ failNext: { count: 1, status: 503, operation: 'runs.create' } });
    const away = await linear.assign({ title: 'Away at first' });
    await cameHome(away, ['away.txt']);
    expect(await codegen.runs('Away at first')).toHaveLength(1);
  },
  slowMs,
);

test(
  'a run without any work is no success: it is told what the agent said',
  async () => {
    const { linear, github } = world;
    await codegen.script('Words alone', [{ end: 'COMPLETE', result: 'I would rather not.' }]);
    const issue = await linear.assign({ title: 'Words alone' });
    const answer = await linear.closing(issue);
    expect(answer.type).toBe('elicitation');
    expect(answer.body).toMatch(/codegen ended without a branch or a pull request that holds work/);
    expect(await github.pulls('app', issue)).toEqual([]);
  },
  slowMs,
);

test(
  'a follow-up of work that came to nothing: in the end one pull request is open, which is ours, and no branch of a run is left',
  async () => {
    const { linear, github } = world;
    const title = 'Left behind';
    const failing = (name: string, push: { readonly branch: string } | true) =>
      [{ write: { [`${name}.txt`]: name } }, { push }, { pullRequest: true }, { end: 'FAILED', result: 'I give up.' }] as const;
    await codegen.script(title, failing('one', { branch: 'codegen/own-idea' }));
    const issue = await linear.assign({ title });
    expect((await linear.closing(issue, 1)).type).toBe('elicitation');
    await codegen.script(title, failing('two', true));
    await linear.say(issue, 'Try again');
    expect((await linear.closing(issue, 2)).type).toBe('elicitation');
    await linear.say(issue, 'Stop here');
    await linear.closing(issue, 3);
    const branches = async (): Promise<readonly string[]> => (await github.git('app', 'branch', '--format=%(refname:short)')).split('\n');
    const ofIssue = `cyrus/${issue.toLowerCase()}-left-behind`;
    // Which attempt that was depends on whether a call took longer than its limit.
    const ofRun = (end: string): unknown => expect.stringMatching(new RegExp(`^${ofIssue}-a\\d+${end}$`));
    expect(await branches()).toEqual(expect.arrayContaining(['codegen/own-idea', ofRun(''), ofRun('-start')]));

    await codegen.script(title, work('kept'));
    await linear.say(issue, 'Now do it properly.');
    const answer = await linear.closing(issue, 4);
    expect(answer.body).toMatch(/^✅ /);
    await othersClosed();
    const left = async (): Promise<readonly string[]> =>
      (await branches()).filter((name) => name.startsWith(ofIssue) || name === 'codegen/own-idea');
    await until('the branches of its runs to be deleted', async () => (await left()).join() === ofIssue, {
      explain: async () => (await left()).join(),
    });
    expect((await github.pulls('app')).filter(({ head, state }) => head === ofIssue && state === 'open')).toHaveLength(1);
  },
  slowMs,
);

test(
  'an executor taken out of the configuration while its run lives: it is told of, the task ends elsewhere, and the run is stopped when it is back',
  async () => {
    const { linear } = world;
    const title = 'Left alone';
    await codegen.script(title, [{ write: { 'alone.txt': '1' } }, { push: true }, { pullRequest: true }, { until: 'never' }]);
    const issue = await linear.assign({ title });
    await linear.seen(issue, /It runs on/);
    await until('its pull request', async () => (await world.github.pulls('app')).some(({ head }) => head.endsWith('left-alone-a1')));
    await world.service.end();
    const south = {
      executors: { south: scriptedAgent({ file: 'south.txt', output: 'Done in the south.' }) },
      executor: 'south',
      strategy: undefined,
    };
    await settings({ ...south, codegen: undefined });
    await world.start();
    await linear.seen(
      issue,
      /^codegen is not in the configuration any more\. Its run http\S+ may go on and cost money; .* Put codegen back, and Cyrus stops the run; or stop it there\.$/,
    );
    await cameHome(issue, ['south.txt', 'alone.txt']);
    const look =
      /attempt 1 of ENG-\d+ may go on at codegen: codegen is not in the configuration, and it could not be asked to stop; see http/;
    for (const command of ['status', 'doctor'])
      await until(`${command} to name the run`, async () => look.test((await world.cyrus(command)).stdout));

    await world.service.end();
    await settings(south);
    await world.start();
    await until('the run to be stopped', async () => (await codegen.runs(title))[0]?.status === 'CANCELLED');
    await until('nothing to be looked at', async () => !(await world.cyrus('status')).stdout.includes('Needs a look'));
  },
  slowMs,
);

test(
  'stuck to its deadline, out of runs, or gone: the same task ends here, with one pull request',
  async () => {
    const { linear } = world;
    await world.service.end();
    await settings({
      executors: { south: scriptedAgent({ file: 'south.txt', output: 'Done in the south.' }) },
      strategy: undefined,
      executor: 'codegen',
      orchestrationStrategy: { primary: 'codegen', fallback: ['south'] },
      limits: { attemptTimeoutMs: 10_000, maxAttemptsPerTask: 1 },
    });
    await world.start();
    await codegen.fault({ clear: true, stuck: true });
    const stuck = await linear.assign({ title: 'Stuck' });
    await linear.seen(stuck, /It runs on/);
    await cameHome(stuck, ['south.txt']);
    await codegen.fault({ clear: true, refuseCreate: { count: 1, status: 402 } });
    await cameHome(await linear.assign({ title: 'Out of runs' }), ['south.txt']);
    await codegen.program.end();
    await cameHome(await linear.assign({ title: 'Gone' }), ['south.txt']);
  },
  slowMs,
);
