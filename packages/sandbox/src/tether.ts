import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * What the tether runs. A string, so that it needs no file beside a bundled service. It reads `+mark` and `-mark` lines;
 * when its input ends, which is when the service is gone however it went, it kills every process that carries one of the
 * marks left, and everything below those, until two passes 100 ms apart find none.
 */
const tetherSource = `
const fs = require('node:fs');
const marks = new Set();
let text = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => {
  text += chunk;
  for (let end; (end = text.indexOf('\\n')) >= 0; text = text.slice(end + 1)) {
    if (text[0] === '+') marks.add(text.slice(1, end));
    else marks.delete(text.slice(1, end));
  }
});
process.stdin.on('error', sweep);
process.stdin.on('end', sweep);
let swept = false;
function sweep() {
  if (swept) return;
  swept = true;
  if (marks.size === 0) process.exit(0);
  const until = Date.now() + 15000;
  let quiet = 0;
  (function pass() {
    const left = find();
    for (const pid of left) try { process.kill(pid, 'SIGKILL'); } catch {}
    quiet = left.length === 0 ? quiet + 1 : 0;
    if (quiet > 1 || Date.now() > until) process.exit(0);
    setTimeout(pass, left.length === 0 ? 100 : 10);
  })();
}
function find() {
  const parents = new Map(), found = new Set();
  for (const name of fs.readdirSync('/proc')) {
    const pid = Number(name);
    if (!(pid > 1) || pid === process.pid) continue;
    try {
      const stat = fs.readFileSync('/proc/' + pid + '/stat', 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields[0] === 'Z') continue;
      parents.set(pid, Number(fields[1]));
      for (const variable of fs.readFileSync('/proc/' + pid + '/environ', 'latin1').split('\\0')) if (marks.has(variable)) found.add(pid);
    } catch {}
  }
  for (const pid of parents.keys()) for (let at = pid; at > 1; at = parents.get(at) ?? 0) if (at !== process.pid && found.has(at)) { found.add(pid); break; }
  return [...found];
}
`;

export interface Tether {
  /** From now on whatever carries `mark` (`NAME=value` in its environment) dies with this process. */
  hold(mark: string): void;
  release(mark: string): void;
}

/** One small process for all runs of a service, started with the first of them. It outlives the service just long enough to clean up. */
export function createTether(): Tether {
  const held = new Set<string>();
  let process_: ChildProcess | undefined;

  const say = (line: string): void => {
    process_?.stdin?.write(line);
  };
  const start = (): void => {
    // Its own session: a signal to the service's process group must not reach it. An empty environment: it is no run of anybody.
    const child = spawn(process.execPath, ['-e', tetherSource], { detached: true, cwd: '/', env: {}, stdio: ['pipe', 'ignore', 'ignore'] });
    process_ = child;
    child.unref();
    (child.stdin as unknown as Socket).unref();
    child.stdin?.on('error', () => undefined);
    child.once('error', () => undefined);
    child.once('exit', () => {
      if (process_ === child) process_ = undefined;
    });
    for (const mark of held) say(`+${mark}\n`);
  };
  return {
    hold(mark) {
      held.add(mark);
      // Written before the run starts: even if both die at once the line is already in the pipe.
      if (process_ === undefined) start();
      else say(`+${mark}\n`);
    },
    release(mark) {
      held.delete(mark);
      say(`-${mark}\n`);
    },
  };
}
