import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hands } from '../e2e/support/hands.ts';
import { until } from '../e2e/support/until.ts';
import { plainRepository, World } from '../e2e/support/world.ts';
import { watchDatabase } from './soak/database.ts';
import type { Claim, Measure } from './support/measure.ts';
import { commandOf, memoryMb, type ProcessId, processTree } from './support/processes.ts';
import { stateDirectory } from './support/state-directory.ts';

const historyMb = Number(process.env['BENCH_HISTORY_MB'] ?? 2_048);
const fileCount = Number(process.env['BENCH_FILES'] ?? 20_000);
/** A rebuilt, slow machine is still to come to its end. */
const patienceMs = 30 * 60_000;
const name = 'large';

/**
 * A repository of 2 GB (BENCH_HISTORY_MB of history that nothing compresses, BENCH_FILES files) on its way through `cyrus start`: its first
 * fetch is cut off twice, by kill -9 of the service and by a connection that breaks, and has to come to its end all the same; two issues are done
 * in it, the second with a checkout that waits ready. What git alone needs to clone it in one process is the floor.
 */
export const measure: Claim = async ({ say }) => {
  const world = await World.open({
    repositories: { [name]: plainRepository },
    config: { executor: 'hands', executors: { hands }, limits: { maxAttemptsPerTask: 3 } },
  });
  const began = performance.now();
  const seconds = (): string => `${((performance.now() - began) / 1000).toFixed(0)} s`;
  try {
    const { directory } = await world.github.repository(name);
    await fill(directory);
    const repositoryMb = await megabytes(directory);
    say(`made: ${repositoryMb.toFixed(0)} MB, ${fileCount} files (${seconds()})`);
    const floor = await timed(() =>
      git(world.directory, ['clone', '--quiet', '--bare', '--no-local', directory, join(world.directory, 'floor')]),
    );
    say(`cloned by git alone in ${(floor / 1000).toFixed(1)} s`);

    const memory = watchMemory(() => world.service.pid);
    const packs = join(world.home, 'repos', `${name}.git`, 'objects', 'pack');
    const first = await assign(world, 'First', 'one.txt');
    const told = await world.linear.seen(first, /MiB|GiB/, patienceMs);
    say(`told in Linear: ${told.body ?? told.action ?? ''} (${seconds()})`);
    const task = await until('progress in cyrus tasks', async () => /.*(?:MiB|GiB).*/.exec((await world.cyrus('tasks')).stdout)?.[0], {
      withinMs: 60_000,
    });
    say(`told by cyrus tasks: ${task.trim()}`);
    const beforeKill = await halfPacks(packs);
    await world.service.kill();
    say(`service killed with ${beforeKill.toFixed(0)} MB half fetched (${seconds()})`);
    await world.start();
    await until('the half fetched pack to be gone', async () => (await halfPacks(packs)) < beforeKill, { withinMs: 60_000 });

    await until('another fetch to be half done', async () => (await halfPacks(packs)) > historyMb / 4, { withinMs: patienceMs });
    const cut = await cutFetches(world.github.program.pid);
    say(`${cut} connections cut (${seconds()})`);
    const fetching = performance.now();
    await until('the fetch to be done', async () => (await wholePacks(packs)) >= historyMb * 0.9, { withinMs: patienceMs });
    const fetched = performance.now() - fetching;
    say(`fetched ${(fetched / 1000).toFixed(1)} s after that (${seconds()})`);
    const answer = await world.linear.closing(first, 1, patienceMs);
    if (answer.type !== 'response') throw new Error(await world.linear.describe(first));
    say(`first issue answered (${seconds()})`);
    const garbage = await halfPacks(packs);

    const waiting = join(world.home, 'checkouts', '.pool');
    await until('a checkout to wait ready', async () => (await readdir(waiting).catch(() => [])).some((entry) => !entry.startsWith('.')), {
      withinMs: patienceMs,
    });
    const secondBegan = performance.now();
    const second = await assign(world, 'Second', 'two.txt');
    const secondAnswer = await world.linear.closing(second, 1, patienceMs);
    if (secondAnswer.type !== 'response') throw new Error(await world.linear.describe(second));
    const tookMs = performance.now() - secondBegan;
    const phases = await phasesOf(world, second);
    for (const [phase, ms] of phases) say(`second issue: ${phase} ${ms.toFixed(0)} ms`);
    const peak = await memory.end();
    const diskMb = (await megabytes(join(world.home, 'repos'))) + (await megabytes(join(world.home, 'checkouts')));
    const row = (what: string, value: number, unit: Measure['unit'], over: number | null, target: Measure['target']): Measure => ({
      name: `large-repository/${what}`,
      ...{ value, unit, floor: over, target, samples: 1 },
    });
    return [
      row('fetch', fetched, 'ms', floor, null),
      row('issue', tookMs, 'ms', null, null),
      ...phases.map(([phase, ms]) => row(phase, ms, 'ms', null, null)),
      row('peak-memory', peak, 'MB', null, null),
      row('disk', diskMb, 'MB', repositoryMb, { of: 'ratio', atMost: 1.5 }),
      row('half-packs', garbage, 'MB', null, { of: 'value', atMost: 0 }),
    ];
  } finally {
    await world.close();
  }
};

const assign = (world: World, title: string, file: string): Promise<string> =>
  world.linear.assign({
    title,
    labels: ['Feature'],
    description: `[[run echo 1 > ${file} && git add ${file} && git commit -qm ${title}]]`,
  });

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Files of a thousand lines in a hundred directories, and commits that replace one file of a megabyte of noise after another. */
async function fill(directory: string): Promise<void> {
  const child = spawn('git', ['-c', 'core.compression=0', 'fast-import', '--quiet'], {
    ...{ cwd: directory, stdio: ['pipe', 'ignore', 'inherit'] as const },
    env: gitEnvironment,
  });
  const closed = once(child, 'close');
  const write = async (data: string | Buffer): Promise<void> => {
    if (!child.stdin.write(data)) await once(child.stdin, 'drain');
  };
  let first = 'from refs/heads/main^0\n';
  const commit = async (message: string): Promise<void> => {
    await write(`commit refs/heads/main\ncommitter A <a@example.test> 1700000000 +0000\ndata ${message.length}\n${message}\n${first}`);
    first = '';
  };
  await commit('Files');
  for (let n = 0; n < fileCount; n++) {
    const text = `line ${n} of a file that is like source code\n`.repeat(100);
    await write(`M 100644 inline src/d${n % 100}/e${Math.floor(n / 100) % 10}/file-${n}.ts\ndata ${text.length}\n${text}\n`);
  }
  for (let n = 0; n < historyMb; n++) {
    await commit('Noise');
    await write(`M 100644 inline noise/${n % 16}.bin\ndata ${1024 ** 2}\n`);
    await write(randomBytes(1024 ** 2));
    await write('\n');
  }
  child.stdin.end();
  const [code] = (await closed) as [number | null];
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
}

const gitEnvironment = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };

async function git(cwd: string, args: readonly string[]): Promise<void> {
  const child = spawn('git', ['-c', 'safe.directory=*', ...args], { cwd, stdio: ['ignore', 'ignore', 'inherit'], env: gitEnvironment });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`git ${args[0]} ended with ${code}`);
}

async function megabytes(directory: string, matching: RegExp = /./): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile() && matching.test(entry.name))
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0) / 1024 ** 2;
}

const halfPacks = (packs: string): Promise<number> => megabytes(packs, /^tmp_/);
const wholePacks = (packs: string): Promise<number> => megabytes(packs, /\.pack$/);

/** Ends the gits that serve a fetch: the connection breaks in the middle. */
async function cutFetches(pid: number): Promise<number> {
  const serving: ProcessId[] = [];
  for (const each of await processTree(pid)) if ((await commandOf(each.pid)).includes('pack-objects')) serving.push(each);
  for (const each of serving) process.kill(each.pid, 'SIGKILL');
  return serving.length;
}

/** The most memory that the service and all below it had at once. */
function watchMemory(pid: () => number): { end(): Promise<number> } {
  let [peak, ended] = [0, false];
  const watching = (async () => {
    while (!ended) {
      peak = Math.max(peak, await memoryMb(await processTree(pid())));
      await sleep(500);
    }
  })();
  return {
    async end() {
      ended = true;
      await watching;
      return peak;
    },
  };
}

/** What each host job of an issue took. */
async function phasesOf(world: World, issue: string): Promise<readonly (readonly [string, number])[]> {
  const database = await watchDatabase(world.home, stateDirectory(world));
  try {
    const rows = await database.query<{ readonly what: string; readonly ms: number }>(
      `select j.kind as what, (extract(epoch from j.ended_at - j.started_at) * 1000)::float8 as ms from cyrus.host_job j
         join cyrus.plan p on p.id = j.plan_id join cyrus.issue i on i.id = p.issue_id
         where i.identifier = $1 and j.ended_at is not null and j.kind in ('prepare', 'collect', 'verify', 'merge') order by j.started_at`,
      [issue],
    );
    return (rows ?? []).map(({ what, ms }) => [what, ms]);
  } finally {
    await database.close();
  }
}
