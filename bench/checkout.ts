import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Checkout } from 'cyrus-checkouts/checkout';
import { createCheckouts } from 'cyrus-checkouts/checkouts';
import { systemClock } from 'cyrus-core/clock';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import type { Claim, Measure } from './support/measure.ts';
import { median } from './support/statistics.ts';

const fileCount = 20_000;
/** How many files the base branch changes by between two tasks. */
const movedCount = 50;

/**
 * A checkout of a repository of 20,000 files for a task: from those that wait ready, at the commit and when the base branch moved on;
 * and made anew. The floor is what git alone needs to check out, in one process, as `git worktree add` does it.
 */
export const measure: Claim = async ({ samples, say }) => {
  const count = samples(3);
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-bench-'));
  try {
    const upstream = join(directory, 'up.git');
    await git(directory, ['init', '-q', '--bare', '--initial-branch=main', upstream]);
    await fastImport(upstream, fileCount);
    say(`${fileCount} files made`);
    const checkouts = createCheckouts({
      root: join(directory, 'home'),
      sandbox: createSandbox({ isolation: 'none', clock: systemClock }),
      clock: systemClock,
      gitIdentity: { name: 'Bench', email: 'bench@localhost' },
    });
    const mirror = await checkouts.mirror({ id: 'bench', remoteUrl: upstream });
    await mirror.fetch();
    const [first = '', moved = ''] = await Promise.all(['main', 'moved'].map((branch) => mirror.resolve(branch)));

    const timed = async (name: string, sha: string): Promise<number> => {
      const started = performance.now();
      const checkout: Checkout = await checkouts.create({ mirror, name, sha, branch: `cyrus/${name}`, purpose: 'verify' });
      const took = performance.now() - started;
      await checkouts.remove({ mirror, checkout });
      return took;
    };
    const times = { ready: [] as number[], moved: [] as number[], cold: [] as number[], worktree: [] as number[] };
    for (let n = 0; n < count; n++) {
      for (const [kind, sha] of [
        ['ready', first],
        ['moved', moved],
      ] as const) {
        await checkouts.pool.add({ mirror, sha: first });
        times[kind].push(await timed(`${kind}-${n}`, sha));
      }
      times.cold.push(await timed(`cold-${n}`, first));
      const tree = join(directory, 'tree');
      const started = performance.now();
      await git(mirror.directory, ['worktree', 'add', '--quiet', '--detach', tree, first]);
      times.worktree.push(performance.now() - started);
      await git(mirror.directory, ['worktree', 'remove', '--force', tree]);
      say(
        Object.entries(times)
          .map(([kind, all]) => `${kind} ${all.at(-1)?.toFixed(0)} ms`)
          .join(', '),
      );
    }
    const floor = median(times.worktree);
    const row = (name: string, all: readonly number[], target: Measure['target']): Measure => ({
      name,
      value: median(all),
      unit: 'ms',
      floor,
      target,
      samples: all.length,
    });
    return [
      row('checkout', times.ready, { of: 'value', atMost: 150 }),
      row('checkout/moved', times.moved, { of: 'value', atMost: 150 }),
      row('checkout/cold', times.cold, null),
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

async function git(cwd: string, args: readonly string[], input?: Readable | string): Promise<void> {
  const child = spawn('git', args, {
    cwd,
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
  });
  child.stdin.end(input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`git ${args[0]} ended with ${code}`);
}

/** Files of about 6 kB in 40 directories of 10 each; the branch `moved` has some of them changed. */
async function fastImport(upstream: string, files: number): Promise<void> {
  const content = (n: number): string => `${`line ${n} of a file that is like source code\n`.repeat(140)}\n`;
  const path = (n: number): string => `packages/p${n % 40}/d${Math.floor(n / 40) % 10}/file-${n}.ts`;
  const commit = (branch: string, from: string | undefined, numbers: readonly number[], salt: number): string => {
    const head = `commit refs/heads/${branch}\ncommitter A Person <person@example.test> 1700000000 +0000\ndata 4\nmore\n`;
    const bodies = numbers.map((n) => {
      const text = content(n * 7 + salt);
      return `M 100644 inline ${path(n)}\ndata ${Buffer.byteLength(text)}\n${text}\n`;
    });
    return `${head}${from === undefined ? '' : `from refs/heads/${from}\n`}${bodies.join('')}\n`;
  };
  const all = Array.from({ length: files }, (_, n) => n);
  const stream = commit('main', undefined, all, 0) + commit('moved', 'main', all.slice(0, movedCount), 1);
  await git(upstream, ['fast-import', '--quiet'], stream);
}
