import { readdir, readFile } from 'node:fs/promises';
import { systemClock } from 'cyrus-core/clock';
import type { Sandbox, SandboxedProcess, SandboxSpec } from 'cyrus-core/ports/sandbox';
import { detectIsolation } from '../src/detect.ts';
import { createSandbox } from '../src/sandbox.ts';

const detected = await detectIsolation();

/** Tests that need bubblewrap are skipped without it, unless CYRUS_NO_SKIP asks for all of them. */
export const noBubblewrap: boolean = detected.isolation !== 'bwrap' && process.env['CYRUS_NO_SKIP'] !== '1';
export const bubblewrap: Sandbox = createSandbox({ ...detected, isolation: 'bwrap', clock: systemClock });
export const plain: Sandbox = createSandbox({ isolation: 'none', clock: systemClock });

export const specOf = (given: Partial<SandboxSpec> & Pick<SandboxSpec, 'runId'>): SandboxSpec => ({
  command: '/bin/sh',
  args: [],
  cwd: '/',
  env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
  writable: [],
  readable: [],
  network: 'none',
  ...given,
});

/** Runs to the end and gives what was printed. */
export async function outcome(run: SandboxedProcess): Promise<Awaited<SandboxedProcess['exited']> & { stdout: string; stderr: string }> {
  run.child.stdin?.end();
  const [stdout, stderr, exit] = await Promise.all([textOf(run.child.stdout), textOf(run.child.stderr), run.exited]);
  return { ...exit, stdout, stderr };
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += chunk.toString();
  return text;
}

/** Host pids of live processes whose command line holds `needle`. */
export async function processesWith(needle: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return pids.filter((_, index) => lines[index]?.includes(needle)).map(Number);
}

/** Polls until `holds`, at most `limitMs`. */
export async function eventually(holds: () => Promise<boolean>, limitMs = 60_000): Promise<boolean> {
  const until = systemClock.now() + limitMs;
  while (!(await holds())) {
    if (systemClock.now() > until) return false;
    await systemClock.sleep(10);
  }
  return true;
}

/** A `sleep` of a length nobody else uses, so that it can be found in the process table. */
export const uniqueSleep = (): string => `1${Math.floor(Math.random() * 1e8)}.${process.pid}`;
