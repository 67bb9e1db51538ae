import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Step, shell } from '../e2e/support/model.ts';
import { until } from '../e2e/support/until.ts';
import { World } from '../e2e/support/world.ts';
import { Activities, isClosing } from './support/activities.ts';
import { Deliveries, type Delivery } from './support/deliveries.ts';
import type { Claim, Measure } from './support/measure.ts';
import { createPoster } from './support/post.ts';
import { commandOf, isAlive, type ProcessId, processTree } from './support/processes.ts';
import { unlimited } from './support/waiting-agent.ts';

const startWithinMs = 120_000;
const finishWithinMs = 180_000;

/** Works until the file `finish` is beside it; a run that begins after that is done at once. */
const scriptedAgent = `#!/bin/sh
read -r start
[ -e "\${0%/*}/finish" ] || exec sleep 3600
: > "$HOME/went-on"
echo '{"type":"complete","result":{"state":"succeeded","output":"The document that was asked for."}}'
exec cat >/dev/null
`;

/**
 * kill -9 of the service and of Postgres with many agents at work: what is lost, what is done twice, what is left running,
 * and how long until work goes on. Most agents are scripted, so that there can be many; a few are the real one.
 */
export const measure: Claim = async ({ samples, say }) => {
  const scripted = samples(200);
  const real = Math.min(4, scripted);
  const agent = await installAgent();
  const world = await World.open({
    linear: unlimited,
    repositoryConfig: { app: { labelPrompts: { scoper: ['Feature'] } } },
    config: {
      limits: { maxParallelAgents: scripted + real, maxCostPerDayUsd: null, maxCostPerTaskUsd: null },
      executors: { scripted: { command: agent.command } },
    },
  });
  const deliveries = await Deliveries.open(world);
  const activities = new Activities(world);
  const poster = createPoster(world.url);
  try {
    const titles = Array.from({ length: real }, (_, n) => `Real ${n}.`);
    for (const title of titles) await world.model.script(title, [{ text: 'Thinking.', delay: 600_000 }]);
    const made = await deliveries.assignAll([
      ...titles.map((title) => ({ title, labels: ['Bug'] })),
      ...Array.from({ length: scripted }, (_, n) => ({ title: `Scripted ${n}`, description: '[agent=scripted]', labels: ['Feature'] })),
    ]);
    const began = performance.now();
    await Promise.all(made.map((each) => poster.send('/webhooks/linear', each)));
    await until('every agent at work', () => allAtWork(world, scripted, titles), { withinMs: startWithinMs });
    say(`${scripted} scripted and ${real} real agents at work after ${((performance.now() - began) / 1000).toFixed(1)} s`);

    const before = await processTree(world.service.pid);
    for (const title of titles) await world.model.script(title, answers(title));
    await writeFile(agent.finish, '');
    const killedAt = Date.now();
    await killServiceAndDatabase(world, before);
    await sleep(500);
    const startedAt = Date.now();
    await world.start();
    await deliveries.redirect();
    const readyMs = Date.now() - startedAt;
    const orphans = (await Promise.all(before.map(isAlive))).filter((alive) => alive).length;
    const finished = await allAnswered(activities, made);
    say(
      `ready after ${readyMs} ms; ${finished.length} of ${made.length} answered ${((Date.now() - startedAt) / 1000).toFixed(1)} s after the start`,
    );
    const progress = await firstProgress(world, titles, killedAt);
    for (const { sessionId } of made.filter((each) => !finished.includes(each)).slice(0, 3))
      say(
        `without an answer: ${activities
          .of(sessionId)
          .map(({ activity }) => activity.body ?? activity.action)
          .join(' | ')}`,
      );
    const repeated = repeatedActivities(activities, made) + (await repeatedPulls(world, titles));
    const row = (name: string, value: number, unit: Measure['unit'], atMost: number): Measure => {
      return { name: `recovery/${name}`, value, unit, floor: null, target: { of: 'value', atMost }, samples: made.length };
    };
    return [
      row('lost', made.length - finished.length, 'count', 0),
      row('twice', repeated, 'count', 0),
      row('orphans', orphans, 'count', 0),
      row('progress', progress - startedAt, 'ms', 3_000),
    ];
  } finally {
    poster.close();
    await activities.close();
    await deliveries.close();
    await world.close();
    await rm(agent.directory, { recursive: true });
  }
};

interface InstalledAgent {
  readonly directory: string;
  readonly command: string;
  /** Once this file is there, the agent finishes. */
  readonly finish: string;
}

async function installAgent(): Promise<InstalledAgent> {
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-bench-agent-'));
  const command = join(directory, 'agent.sh');
  await writeFile(command, scriptedAgent, { mode: 0o755 });
  return { directory, command, finish: join(directory, 'finish') };
}

async function allAtWork(world: World, scripted: number, titles: readonly string[]): Promise<boolean> {
  const asked = await world.model.requests();
  if (!titles.every((title) => asked.some((request) => request.userTexts[0]?.includes(title)))) return false;
  const commands = await Promise.all((await processTree(world.service.pid)).map(({ pid }) => commandOf(pid)));
  return commands.filter((command) => command === 'sleep 3600').length >= scripted;
}

/** The call that was cut off may count as answered or not: whichever answer comes first does the work, once. */
function answers(title: string): readonly Step[] {
  const work = shell(`echo '${title}' > work.txt && git add work.txt && { git diff --cached --quiet || git commit -q -m '${title}'; }`);
  return [work, work, { text: 'Done as asked.' }];
}

/** Not the agents: that they end with the service is part of the claim. */
async function killServiceAndDatabase(world: World, tree: readonly ProcessId[]): Promise<void> {
  const commands = await Promise.all(tree.map(({ pid }) => commandOf(pid)));
  const database = tree.filter((_, index) => /postgres/.test(commands[index] ?? ''));
  const service = world.service.kill();
  for (const { pid } of database) process.kill(pid, 'SIGKILL');
  await service;
}

/** When the first agent was at work again: a scripted one left its mark, or a real one asked its model. */
async function firstProgress(world: World, titles: readonly string[], since: number): Promise<number> {
  const homes = join(world.home, 'conversations');
  const marks = await Promise.all(
    (await readdir(homes)).map(async (name) => (await stat(join(homes, name, 'went-on')).catch(() => undefined))?.mtimeMs),
  );
  const asked = (await world.model.requests()).filter(({ userTexts }) => titles.some((title) => userTexts[0]?.includes(title)));
  const times = [...marks, ...asked.map(({ at }) => at)].filter((at): at is number => at !== undefined && at > since);
  if (times.length === 0) throw new Error('no agent went on');
  return Math.min(...times);
}

async function allAnswered(activities: Activities, made: readonly Delivery[]): Promise<readonly Delivery[]> {
  const deadline = performance.now() + finishWithinMs;
  const answered = (): readonly Delivery[] =>
    made.filter(({ sessionId }) => activities.of(sessionId).some(({ activity }) => activity.type === 'response'));
  while (answered().length < made.length && performance.now() < deadline) await sleep(200);
  // A second answer would come about now.
  await sleep(2_000);
  return answered();
}

/** Closing answers beyond the first of a session, and lasting activities that say the same again. */
function repeatedActivities(activities: Activities, made: readonly Delivery[]): number {
  return made
    .map(({ sessionId }) => {
      const said = activities.of(sessionId).map(({ activity }) => activity);
      const closings = said.filter(isClosing).length;
      const lasting = said
        .filter((activity) => !activity.ephemeral && !isClosing(activity))
        .map(({ body, action, parameter }) => `${action} ${parameter} ${body}`);
      return Math.max(0, closings - 1) + lasting.length - new Set(lasting).size;
    })
    .reduce((sum, each) => sum + each, 0);
}

async function repeatedPulls(world: World, titles: readonly string[]): Promise<number> {
  const pulls = await world.github.pulls('app');
  return titles.reduce((sum, title) => sum + Math.max(0, pulls.filter((pull) => pull.title.endsWith(title)).length - 1), 0);
}
