/**
 * What looks after one command where the kernel ends no tree: a string, so that it needs no file beside a bundled service. Its arguments are
 * the run's mark, the command and its arguments; it gives the command its own streams and environment. When the command has ended, or its
 * descriptor 3 has, which is when the service is gone, it kills everything below the command, in its process groups, or with the mark in its
 * environment, until two looks find none. It ends as the command did.
 *
 * It finds processes with `ps`. One that has both cleared its environment and lost its parents and their groups escapes.
 */
export const keeperProgram = `
const { spawn, execFile } = require('node:child_process');
const fs = require('node:fs');
const [mark, command, ...args] = process.argv.slice(1);
const child = spawn(command, args, { stdio: [0, 1, 2], detached: true, env: process.env });
let end;
child.once('error', (error) => { fs.writeSync(2, command + ': ' + error.message + '\\n'); end = { code: 127 }; sweep(); });
child.once('exit', (code, signal) => { end = code === null ? { signal } : { code }; sweep(); });
fs.closeSync(0);
const leash = new (require('node:net').Socket)({ fd: 3 });
leash.resume();
for (const event of ['end', 'error', 'close']) leash.once(event, () => { end ??= { code: 137 }; sweep(); });
const known = new Set([child.pid]);
const groups = new Set([child.pid]);
let sweeping = false;
function sweep() {
  if (sweeping) return;
  sweeping = true;
  const until = Date.now() + 15000;
  let quiet = 0;
  (function look() {
    list((rows) => {
      const left = rows.filter((row) => belongs(row));
      for (const { pid } of left) try { process.kill(pid, 'SIGKILL'); } catch {}
      quiet = left.length === 0 ? quiet + 1 : 0;
      if (quiet > 1 || Date.now() > until) return leave();
      setTimeout(look, left.length === 0 ? 50 : 5);
    });
  })();
}
function belongs({ pid, parent, group, text }) {
  if (pid === process.pid || pid <= 1) return false;
  const is = known.has(pid) || known.has(parent) || groups.has(group) || text.includes(mark);
  if (is) { known.add(pid); if (group === pid) groups.add(group); }
  return is;
}
function list(done) {
  // With a clean environment: it must not find itself.
  execFile('ps', ['axeww', '-o', 'pid=,ppid=,pgid=,stat=,command='], { maxBuffer: 1 << 28, env: { PATH: '/bin:/usr/bin' } }, (error, out) => {
    const rows = [];
    for (const line of String(out).split('\\n')) {
      const match = /^\\s*(\\d+)\\s+(\\d+)\\s+(\\d+)\\s+(\\S+)\\s(.*)$/.exec(line);
      if (match && !match[4].startsWith('Z')) rows.push({ pid: +match[1], parent: +match[2], group: +match[3], text: match[5] });
    }
    rows.sort((a, b) => a.pid - b.pid);
    done(rows);
  });
}
function leave() {
  if (end.signal) { process.removeAllListeners(end.signal); process.kill(process.pid, end.signal); setTimeout(() => process.exit(137), 1000); }
  else process.exit(end.code);
}
`;
