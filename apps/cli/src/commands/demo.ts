import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatDuration } from 'cyrus-core/duration';
import { formatUsd } from 'cyrus-core/money';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { CliError, exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { runCommand } from '../demo/git.ts';
import { jsonCall } from '../demo/json-call.ts';
import { files, issue, modelSteps } from '../demo/scenario.ts';
import { type Program, type StandIns, startProgram, startStandIns } from '../demo/stand-ins.ts';
import { describeEntry, watchLinear } from '../demo/watch-linear.ts';
import { onSignals } from '../signals.ts';
import { plain, type Terminal } from '../terminal.ts';

const token = 'demo-github-token';
const secret = 'demo-webhook-secret';
const patienceMs = 120_000;

/**
 * `cyrus demo`: a person assigns a bug in Linear; it ends with a pull request that passes its tests. Linear, GitHub and the
 * model API are stand-ins; everything else is the product itself.
 */
export async function demo({ terminal }: CommandContext, options: { readonly headless?: boolean; readonly keep?: boolean }): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-demo-'));
  // As root the database runs under another account, which has to get through; what is private has its own 0700.
  await chmod(directory, 0o755);
  // As root the database runs as another account, which has to get to its data: passing through is enough.
  await chmod(directory, 0o711);
  const ending: (() => Promise<void>)[] = [];
  const isolation = await detectIsolation();
  terminal.out(terminal.style('bold', 'Cyrus demo: an issue in Linear becomes a pull request, on this machine.'));
  terminal.out(
    'Scripted: the model’s answers. Stand-ins: Linear, GitHub, the model API. Real: the agent (Claude Code), git, PostgreSQL, the checks.',
  );
  if (isolation.isolation === 'none')
    terminal.out(`Isolation: none, allowed for this demo only (allowUnsandboxed). ${isolation.fix ?? ''}`);
  else terminal.out(`Isolation: ${isolation.isolation}.`);
  let ended = false;
  const endAll = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    for (const end of ending.reverse()) await end();
  };
  onSignals(
    () => void endAll().then(() => process.exit(exitCode.failed)),
    () => process.exit(exitCode.failed),
  );
  try {
    await play(directory, terminal, ending);
  } finally {
    await endAll();
    if (options.keep) terminal.out(`\nKept: ${directory}`);
    else await rm(directory, { recursive: true, force: true });
  }
}

async function play(directory: string, terminal: Terminal, ending: (() => Promise<void>)[]): Promise<void> {
  const heading = (text: string): void => terminal.out(`\n${terminal.style('bold', text)}`);
  const seed = join(directory, 'greeter');
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(seed, name)), { recursive: true });
    await writeFile(join(seed, name), text);
  }
  const standIns = await startStandIns({ githubRoot: join(directory, 'github'), githubToken: token });
  ending.push(() => standIns.end());
  const githubUrl = String(standIns.github.ready['url']);
  const linearControl = String(standIns.linear.ready['controlUrl']);
  await jsonCall(`${githubUrl}/control/repositories`, { owner: 'acme', name: 'greeter', seedFrom: seed });
  await jsonCall(`${String(standIns.model.ready['url'])}/control/scripts`, { match: issue.title, steps: modelSteps });

  heading('1. A small repository with a failing test');
  const before = await runTests(seed);
  terminal.out(`   acme/greeter: npm test → ${summary(before.output)}`);
  if (before.code === 0) throw new CliError('The demo’s test was expected to fail before the fix.');

  const cyrus = await startCyrus(directory, standIns, `${githubUrl}/acme/greeter.git`);
  ending.push(() => cyrus.end());
  const url = String(cyrus.ready['url']);
  terminal.out(`   cyrus start → ${url}, ready for webhooks`);
  await jsonCall(`${linearControl}/control/webhook`, { url: `${url}/webhooks/linear`, secret });

  heading(`2. Ada assigns the bug to Cyrus: "${issue.title}"`);
  const started = performance.now();
  const created = await jsonCall<{ identifier: string }>(`${linearControl}/people/issues`, issue);
  await jsonCall(`${linearControl}/people/issues/${created.identifier}/delegate`, {});
  let closing = '';
  const late = AbortSignal.timeout(patienceMs);
  const watching = watchLinear(
    linearControl,
    (entry) => {
      const text = describeEntry(entry, terminal);
      if (text !== null) terminal.out(text);
    },
    (entry) => {
      const content = entry['activity'] as { type?: string; body?: string } | undefined;
      if (entry.kind === 'activity' && (content?.type === 'response' || content?.type === 'error'))
        closing = `${content.type}: ${content.body}`;
      return closing !== '';
    },
    late,
  );
  await watching.catch((error: unknown) => {
    throw new CliError(late.aborted ? `No answer within ${formatDuration(patienceMs)}.\n${cyrus.stderr()}` : String(error), {
      fix: 'Run it again with --keep and look at home/logs/cyrus.log.',
    });
  });
  const duration = performance.now() - started;
  if (closing.startsWith('error'))
    throw new CliError('The turn ended with an error.', { fix: 'Run it again with --keep and look at home/logs/cyrus.log.' });

  heading('3. The evidence');
  await showEvidence(directory, githubUrl, linearControl, terminal, duration);
}

/** The product as a user starts it: a home, a configuration, `cyrus start`. */
async function startCyrus(directory: string, standIns: StandIns, remoteUrl: string): Promise<Program> {
  const home = join(directory, 'home');
  await mkdir(home, { recursive: true, mode: 0o700 });
  const config = {
    linear: { apiUrl: standIns.linear.ready['graphqlUrl'], token: 'lin_oauth_app', webhookSecret: secret },
    github: { apiUrl: standIns.github.ready['url'], token },
    claude: { apiUrl: standIns.model.ready['url'], apiKey: 'demo-model-key' },
    repositories: [{ id: 'greeter', remoteUrl }],
    server: { port: 0 },
    drainMs: 0,
    allowUnsandboxed: true,
  };
  await writeFile(join(home, 'config.json'), JSON.stringify(config, null, 2), { mode: 0o600 });
  const { PATH, HOME, TMPDIR, LANG, USER } = process.env;
  // What the database keeps for root outside the home goes with the demo, too.
  const CYRUS_STATE_DIR = join(directory, 'state');
  const environment = Object.fromEntries(
    Object.entries({ PATH, HOME, TMPDIR, LANG, USER, CYRUS_STATE_DIR }).filter(([, value]) => value !== undefined),
  );
  return startProgram(fileURLToPath(new URL('main.js', import.meta.url)), ['--home', home, 'start', '--json'], environment);
}

interface PullState {
  readonly number: number;
  readonly title: string;
  readonly head: string;
  readonly base: string;
  readonly url: string;
}

async function showEvidence(
  directory: string,
  githubUrl: string,
  linearControl: string,
  terminal: Terminal,
  durationMs: number,
): Promise<void> {
  const site = await jsonCall<{ repositories: readonly { directory: string; pulls: readonly PullState[] }[] }>(
    `${githubUrl}/control/state`,
  );
  const [repository] = site.repositories;
  const pulls = repository?.pulls ?? [];
  const [pull] = pulls;
  if (!repository || !pull || pulls.length !== 1) throw new CliError(`One pull request was expected; there are ${pulls.length}.`);
  const clone = join(directory, 'evidence');
  const cloned = await runCommand('git', ['clone', '-q', '--branch', pull.head, repository.directory, clone], directory);
  if (cloned.code !== 0) throw new CliError(`The pull request's branch cannot be cloned: ${cloned.output}`);
  const after = await runTests(clone);
  const diff = await runCommand('git', ['diff', `origin/${pull.base}...HEAD`], clone);
  const state = await jsonCall<{ sessions: readonly { activities: readonly { type: string; body: string | null }[] }[] }>(
    `${linearControl}/control/state`,
  );
  const answers = state.sessions.flatMap((session) => session.activities).filter((activity) => activity.type === 'response');
  const cost = /\*\*Cost:\*\* (\S+)/.exec(answers[0]?.body ?? '')?.[1];
  terminal.out(`   pull request   #${pull.number} ${plain(pull.title)} (${pull.head} → ${pull.base})`);
  terminal.out(`   npm test       ${summary(after.output)}, on a fresh clone of the pull request`);
  terminal.out(`   answers        ${answers.length} closing answer in Linear`);
  terminal.out(`   duration       ${formatDuration(durationMs)}`);
  terminal.out(`   cost           ${cost ?? 'not reported'} at list prices (${formatUsd(0)} were really spent: the model is scripted)`);
  terminal.out(`\n${diff.output.trimEnd()}\n`);
  if (after.code !== 0) throw new CliError('The tests fail on the pull request’s branch.');
  if (answers.length !== 1) throw new CliError(`One closing answer was expected; there are ${answers.length}.`);
  if (!diff.output.includes('name.trim()')) throw new CliError('The pull request does not hold the fix.');
  if (!cost) throw new CliError('The closing answer names no cost.');
  terminal.out(
    terminal.style(
      'green',
      'Done. With your own accounts: set LINEAR_TOKEN, LINEAR_WEBHOOK_SECRET, GITHUB_TOKEN and ANTHROPIC_API_KEY, then: cyrus start',
    ),
  );
}

const runTests = (cwd: string): ReturnType<typeof runCommand> => runCommand(process.execPath, ['--test'], cwd, { NO_COLOR: '1' });

function summary(output: string): string {
  const count = (name: string): string => new RegExp(`(?:#|ℹ) ${name} (\\d+)`).exec(output)?.[1] ?? '?';
  return `${count('pass')} passing, ${count('fail')} failing`;
}
