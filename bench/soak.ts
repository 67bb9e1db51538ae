/**
 * Issues through the real `cyrus start` while it, its database and its agents are killed and frozen, and while Linear and GitHub
 * misbehave; then everything that may not happen is looked for. Run by `npm run soak`; exit code 1 when something is wrong.
 */
import { parseOptions, type SoakOptions, usage } from './soak/options.ts';
import { report } from './soak/report.ts';
import { runSoak } from './soak/run.ts';

function options(): SoakOptions | 'help' {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

const wanted = options();
if (wanted === 'help') process.stdout.write(usage);
else {
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort(new Error(name)));
  const began = performance.now();
  const say = (line: string): void =>
    void process.stderr.write(`${((performance.now() - began) / 1_000).toFixed(1).padStart(7)} s  ${line}\n`);
  const result = await runSoak(wanted, say, interrupted.signal);
  process.stdout.write(wanted.json ? `${JSON.stringify(result)}\n` : report(result));
  process.exitCode = result.pass ? 0 : 1;
}
