import { ChildProcess } from 'node:child_process';
import { PassThrough } from 'node:stream';
import type { SandboxedProcess } from 'cyrus-core/ports/sandbox';

/** A process that never came to be: its streams are at their end and `exited` says why. */
export function unstarted(error: Error): SandboxedProcess {
  const child = new ChildProcess();
  const stdin = new PassThrough().resume();
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  stdout.end();
  stderr.end();
  Object.assign(child, { stdin, stdout, stderr, stdio: [stdin, stdout, stderr] });
  return { child, exited: Promise.resolve({ code: null, signal: null, spawnError: error }), kill: async () => undefined };
}
