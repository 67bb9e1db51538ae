import type { Clock } from 'cyrus-core/clock';
import type { Sandbox, SandboxSpec } from 'cyrus-core/ports/sandbox';
import { within } from './within.ts';

const limitMs = 60_000;

/** Undefined when a command in a closed network of this sandbox works, else what was said about it. */
export async function probe(clock: Clock, sandbox: Sandbox, given: Partial<SandboxSpec> = {}): Promise<string | undefined> {
  try {
    const network = await sandbox.openNetwork?.({ runId: 'cyrus-probe', doors: [] });
    try {
      return await probeCommand(clock, sandbox, { network: network ?? 'none', ...given });
    } finally {
      await network?.close();
    }
  } catch (error) {
    return (error as Error).message;
  }
}

async function probeCommand(
  clock: Clock,
  sandbox: Sandbox,
  given: Partial<SandboxSpec> & Pick<SandboxSpec, 'network'>,
): Promise<string | undefined> {
  const run = sandbox.spawn({
    runId: 'cyrus-probe',
    command: 'true',
    args: [],
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    writable: [],
    readable: [],
    ...given,
  });
  let said = '';
  run.child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  run.child.stdout?.resume();
  run.child.stdin?.end();
  const late = (await within(clock, limitMs, run.exited)) === undefined;
  if (late) await run.kill();
  const { code, spawnError } = await run.exited;
  if (code === 0) return undefined;
  return late ? `no answer in ${limitMs / 1000} s` : said.trim().split('\n')[0] || spawnError?.message || `it ended with ${code}`;
}
