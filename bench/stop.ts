import { setTimeout as sleep } from 'node:timers/promises';
import { change, shell } from '../e2e/support/model.ts';
import { until } from '../e2e/support/until.ts';
import { plainRepository, World } from '../e2e/support/world.ts';
import { Activities, isClosing } from './support/activities.ts';
import { Deliveries } from './support/deliveries.ts';
import type { Claim, Measure } from './support/measure.ts';
import { createPoster } from './support/post.ts';
import { commandOf, isAlive, type ProcessId, processTree } from './support/processes.ts';
import { median } from './support/statistics.ts';

interface Phase {
  readonly name: string;
  readonly repository: string;
  /** Shows in the command line of a process once the phase is reached; null: a model call. */
  readonly command: string | null;
  readonly targetMs: number;
}

const phases: readonly Phase[] = [
  { name: 'command', repository: 'app', command: 'sleep 6001', targetMs: 1_000 },
  { name: 'model-call', repository: 'app', command: null, targetMs: 1_000 },
  { name: 'setup', repository: 'settingup', command: 'sleep 6002', targetMs: 1_000 },
  { name: 'check', repository: 'checking', command: 'sleep 6003', targetMs: 2_000 },
];

/** A person presses stop → Linear has the answer, and nothing that ran for the issue is left; in every phase of the work. */
export const measure: Claim = async ({ samples, say }) => {
  const count = samples(3);
  const world = await World.open({
    repositories: { app: plainRepository, settingup: plainRepository, checking: plainRepository },
    repositoryConfig: {
      settingup: { setup: { command: 'sleep 6002' } },
      checking: { verify: { mode: 'local', commands: ['sleep 6003'] } },
    },
  });
  const deliveries = await Deliveries.open(world);
  const activities = new Activities(world);
  const poster = createPoster(world.url);

  async function stopDuring(phase: Phase, n: number): Promise<{ readonly answered: number; readonly gone: number }> {
    const title = `Stop ${phase.name} ${n}`;
    await world.model.script(title, steps(phase));
    const before = new Set((await processTree(world.service.pid)).map(({ pid }) => pid));
    const delivery = await deliveries.assign({ title, description: `[repo=${phase.repository}]` });
    await poster.send('/webhooks/linear', delivery);
    await reached(world, phase, title);
    // A little later, so that what the phase itself brought about is over.
    await sleep(300);
    const stop = await deliveries.stop(delivery.sessionId);
    const running = (await processTree(world.service.pid)).filter(({ pid }) => !before.has(pid));
    const work = await withoutDatabase(running);
    const { sentAt } = await poster.send('/webhooks/linear', stop);
    const [gone, answer] = await Promise.all([allGone(work), activities.first(delivery.sessionId, isClosing)]);
    if (work.length === 0) throw new Error(`nothing ran in the phase ${phase.name}`);
    return { answered: answer.at - sentAt, gone: gone - sentAt };
  }

  try {
    const rows: Measure[] = [];
    for (const phase of phases) {
      const times: { readonly answered: number; readonly gone: number }[] = [];
      for (let n = 0; n < count; n++) times.push(await stopDuring(phase, n));
      say(`${phase.name}: ${times.map(({ answered, gone }) => `answered ${answered.toFixed(0)}, gone ${gone.toFixed(0)}`).join('; ')}`);
      rows.push({
        name: `stop/${phase.name}`,
        value: median(times.map(({ answered, gone }) => Math.max(answered, gone))),
        unit: 'ms',
        floor: null,
        target: { of: 'value', atMost: phase.targetMs },
        samples: count,
      });
    }
    return rows;
  } finally {
    poster.close();
    await activities.close();
    await deliveries.close();
    await world.close();
  }
};

function steps(phase: Phase): Parameters<World['model']['script']>[1] {
  if (phase.name === 'command') return [shell('sleep 6001')];
  if (phase.name === 'model-call') return [{ text: 'Thinking.', delay: 60_000 }];
  return change('work.txt', phase.name);
}

async function reached(world: World, phase: Phase, title: string): Promise<void> {
  await until(`the phase ${phase.name}`, async () => {
    if (phase.command === null) return (await world.model.requestsAbout(title)).length > 0;
    const tree = await processTree(world.service.pid);
    const commands = await Promise.all(tree.map(({ pid }) => commandOf(pid)));
    return commands.some((command) => command === phase.command);
  });
}

/** Postgres has backends that come and go by themselves. */
async function withoutDatabase(processes: readonly ProcessId[]): Promise<readonly ProcessId[]> {
  const commands = await Promise.all(processes.map(({ pid }) => commandOf(pid)));
  return processes.filter((_, index) => !commands[index]?.startsWith('postgres'));
}

/** When the last of them was found gone, in milliseconds since the Unix epoch. */
async function allGone(processes: readonly ProcessId[]): Promise<number> {
  while ((await Promise.all(processes.map(isAlive))).includes(true)) await sleep(5);
  return performance.timeOrigin + performance.now();
}
