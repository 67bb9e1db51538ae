import { dirname } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { err, ok, type Result } from 'cyrus-core/result';

export interface VersionQuestion {
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly binary: string;
  readonly searchPath: string;
  readonly runId: string;
}

const answersWithinMs = 15_000;

/** The version the binary says it has; run in the sandbox without network, like everything of the agent's. */
export async function binaryVersion({ sandbox, clock, binary, searchPath, runId }: VersionQuestion): Promise<Result<string, Failure>> {
  const directory = dirname(binary);
  const started = sandbox.spawn({
    runId,
    command: binary,
    args: ['--version'],
    cwd: directory,
    env: { PATH: searchPath, HOME: directory, DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' },
    writable: [],
    readable: [directory],
    network: 'none',
  });
  let output = '';
  started.child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  started.child.stderr?.resume();
  started.child.stdin?.end();
  const answered = new AbortController();
  void clock.sleep(answersWithinMs, answered.signal).then(() => (answered.signal.aborted ? undefined : started.kill()));
  const { code, spawnError } = await started.exited;
  answered.abort();
  await started.kill();
  const version = /\d+\.\d+\.\d+\S*/.exec(output)?.[0];
  if (code === 0 && version) return ok(version);
  const reason = spawnError?.message ?? (code === null ? `no answer within ${answersWithinMs / 1000} s` : `exit code ${code}`);
  return err({
    class: 'missing_binary',
    message: `${binary} is not a working Claude Code (${reason}).`,
    fix: 'Install it again, or set claude.binaryPath.',
  });
}
