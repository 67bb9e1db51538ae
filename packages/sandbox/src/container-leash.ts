import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { engineEnvironment } from './container-engine.ts';

/**
 * What the leash runs. A string, so that it needs no file beside a bundled service. When its input ends, which is when the service is
 * gone however it went, it removes every container with the service's label, until two looks half a second apart find none.
 */
const leashSource = `
const { execFile } = require('node:child_process');
const [engine, label] = process.argv.slice(1);
process.stdin.resume();
process.stdin.on('error', sweep);
process.stdin.on('end', sweep);
let swept = false;
function sweep() {
  if (swept) return;
  swept = true;
  const until = Date.now() + 60000;
  let quiet = 0;
  (function look() {
    execFile(engine, ['ps', '--all', '--quiet', '--filter', 'label=cyrus=' + label], (error, out) => {
      const ids = error ? [] : out.split('\\n').filter(Boolean);
      quiet = error || ids.length > 0 ? 0 : quiet + 1;
      if (quiet > 1 || Date.now() > until) process.exit(0);
      if (ids.length > 0) execFile(engine, ['rm', '--force', ...ids], () => setTimeout(look, 50));
      else setTimeout(look, 500);
    });
  })();
}
`;

/** From its first call on, containers with this label die with this process. */
export function createLeash(enginePath: string, label: string): () => void {
  let child: ChildProcess | undefined;
  return () => {
    if (child !== undefined) return;
    // Its own session: a signal to the service's process group must not reach it.
    const started = spawn(process.execPath, ['-e', leashSource, enginePath, label], {
      detached: true,
      cwd: '/',
      env: engineEnvironment(),
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child = started;
    started.unref();
    (started.stdin as unknown as Socket).unref();
    started.stdin?.on('error', () => undefined);
    started.once('error', () => undefined);
    started.once('exit', () => {
      if (child === started) child = undefined;
    });
  };
}
