import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from 'cyrus-core/clock';
import { configSchema } from 'cyrus-core/config/schema';
import { systemIds } from 'cyrus-core/ids';
import { createCursorExecutor } from 'cyrus-cursor-executor/cursor-executor';
import { createCustomExecutor } from 'cyrus-custom-executor/custom-executor';
import { capacityOf } from 'cyrus-edge-worker/capacity';
import type { ExecutionRequest, TaskExecutor } from 'cyrus-executor-interface/executor';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { startCursor } from '../stand-ins/cursor/src/server.ts';
import { startTimes } from './support/cloud-start-times.ts';
import type { Claim } from './support/measure.ts';
import { median } from './support/statistics.ts';

/** How long one task is at work, wherever it runs. */
const workMs = 10_000;
const seed = 1;

interface Outcome {
  readonly makespanMs: number;
  /** Of one task, from its own start: without what it waited for a slot. */
  readonly taskMs: number;
}

/**
 * The same independent tasks on this machine (in the sandbox, as many at once as the service would run here) and on a cloud service (all at
 * once, each after the time a cloud sandbox takes to start, as recorded): until the last is done, and one of them. Both do nothing but last
 * a fixed time, so what is compared is where work runs: slots here, starts there.
 */
export const measure: Claim = async ({ samples, say }) => {
  const count = samples(8);
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-bench-'));
  const cursor = await startCursor();
  try {
    const { slots } = capacityOf(configSchema.parse({}));
    const script = fileURLToPath(import.meta.resolve('cyrus-custom-executor/scripted-agent'));
    const local = createCustomExecutor({
      sandbox: createSandbox({ ...(await detectIsolation()), clock: systemClock }),
      clock: systemClock,
      command: process.execPath,
      args: [script],
      readable: [dirname(script)],
      env: { CYRUS_SCENARIO: JSON.stringify({ file: null, workMs }) },
      network: 'none',
    });
    const cloud = createCursorExecutor({ clock: systemClock, random: Math.random, apiUrl: cursor.url, apiKey: cursor.apiKey });
    const starts = startTimes(count, seed);

    const here = await all(local, { count, slots }, async () => {
      const home = join(directory, systemIds.next());
      await mkdir(join(home, 'work'), { recursive: true });
      return { prompt: 'Work.', directory: home, workingDirectory: join(home, 'work') };
    });
    const there = await all(cloud, { count, slots: count }, async (index) => {
      const steps = [{ sleepMs: starts[index] }, { sleepMs: workMs }, { say: 'Done.' }];
      return { prompt: `AGENT:${JSON.stringify(steps)}`, directory: '', workingDirectory: '' };
    });
    const shown = ({ makespanMs, taskMs }: Outcome): string => `${makespanMs.toFixed(0)} ms in all, ${taskMs.toFixed(0)} ms a task`;
    say(
      `${count} tasks of ${workMs} ms: here, ${slots} at once, ${shown(here)}; in the cloud, with starts of ${starts.join(' ')} ms, ${shown(there)}`,
    );
    const row = { unit: 'ms', target: null, samples: count } as const;
    return [
      { ...row, name: 'local-cloud', value: there.makespanMs, floor: here.makespanMs },
      { ...row, name: 'local-cloud-task', value: there.taskMs, floor: here.taskMs },
    ];
  } finally {
    await cursor.stop();
    await rm(directory, { recursive: true, force: true });
  }
};

type Task = Pick<ExecutionRequest, 'prompt' | 'workingDirectory'> & { readonly directory: string };

/** Runs `count` tasks, at most `slots` at once. @throws Error when one does not succeed */
async function all(
  executor: TaskExecutor,
  { count, slots }: { readonly count: number; readonly slots: number },
  task: (index: number) => Promise<Task>,
): Promise<Outcome> {
  const taken: number[] = [];
  let next = 0;
  const began = performance.now();
  const slot = async (): Promise<void> => {
    while (next < count) taken.push(await timed(executor, await task(next++)));
  };
  await Promise.all(Array.from({ length: Math.min(slots, count) }, slot));
  return { makespanMs: performance.now() - began, taskMs: median(taken) };
}

async function timed(executor: TaskExecutor, { prompt, directory, workingDirectory }: Task): Promise<number> {
  const id = systemIds.next();
  const repositoryUrl = 'https://github.com/acme/app.git';
  const branches = { startBranch: 'main', startSha: '0'.repeat(40), baseBranch: 'main', pushBranch: `cyrus/${id}` };
  const began = performance.now();
  const ref = await executor.start(
    {
      ...{ prompt, workingDirectory, readable: [], timeoutMs: 120_000 },
      conversation: { id, resume: false, directory },
      ...(executor.kind === 'cloud' ? { remote: { repositoryUrl, ...branches } } : {}),
    },
    { attemptId: id, number: 1 },
  );
  for await (const event of executor.attach(ref))
    if (event.type === 'complete') {
      if (event.result.state !== 'succeeded')
        throw new Error(`a task of ${executor.id} ended ${event.result.state}: ${event.result.output}`);
      return performance.now() - began;
    }
  throw new Error(`a task of ${executor.id} ended without a word`);
}
