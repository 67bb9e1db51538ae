import { createHash, randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { basename, resolve } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { idOf } from 'cyrus-core/ids';
import type { Database } from 'cyrus-store/pool';
import { readTurn } from 'cyrus-store/queries/turn-read';
import { CliError, exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { runCommand } from '../demo/git.ts';
import { describeEvent } from '../describe-event.ts';
import { timeOfDay } from '../format.ts';
import { planEvents } from '../plan-events.ts';
import { serve } from '../serve.ts';
import { onSignals } from '../signals.ts';
import { plain } from '../terminal.ts';

export interface RunOptions {
  readonly task: string;
  readonly repo: string;
  readonly base?: string;
  readonly json?: boolean;
}

/** `cyrus run --task "…" --repo PATH`: one task, progress on stderr, the branch and its diff at the end. */
export async function run({ home, config, terminal }: CommandContext, options: RunOptions): Promise<void> {
  const repositoryPath = resolve(options.repo);
  if (!(await stat(repositoryPath).catch(() => null))?.isDirectory())
    throw new CliError(`There is no directory ${repositoryPath}.`, { code: exitCode.usage, fix: 'Name a git repository with --repo.' });
  if (options.task.trim() === '') throw new CliError('The task is empty.', { code: exitCode.usage, fix: 'Say what to do: --task "…"' });
  const repositoryId = `${basename(repositoryPath)}-${createHash('sha256').update(repositoryPath).digest('hex').slice(0, 8)}`;
  const serving = await serve(home, configFor(config(), repositoryId, repositoryPath, options.base), {
    http: false,
    onTakenOver: () => process.exit(exitCode.failed),
  });
  const { db } = serving.store;
  const sessionId = randomUUID();
  const identifier = `RUN-${sessionId.slice(0, 8)}`;
  const say = (body: 'stop'): Promise<unknown> =>
    serving.service.ingest.say(sessionId, { body, signal: 'stop', author: userInfo().username });
  onSignals(
    () => {
      terminal.err('Stopping. Press again to end at once; the work is kept.');
      void say('stop');
    },
    () => process.exit(exitCode.failed),
  );
  try {
    terminal.err(`${identifier} in ${repositoryPath} · isolation: ${serving.isolation.isolation}`);
    await serving.service.ingest.submit({
      sessionId,
      workspace: 'cli',
      author: userInfo().username,
      body: '',
      issue: {
        id: idOf(`run:${sessionId}`),
        identifier,
        title: options.task.split('\n', 1)[0]?.slice(0, 200) ?? '',
        description: options.task,
      },
    });
    const turn = await follow(db, sessionId, (line) => terminal.err(plain(line)));
    const branch = turn.pushedSha === null ? null : turn.branch;
    const shown =
      branch === null || turn.startSha === null
        ? ''
        : (await runCommand('git', ['diff', `${turn.startSha}..refs/heads/${branch}`], repositoryPath)).output;
    if (options.json) {
      const { kind, body, state, cost } = turn;
      terminal.out(
        JSON.stringify({
          ok: state === 'done',
          state,
          answer: { kind, body },
          branch,
          sha: turn.pushedSha,
          costMicroUsd: cost,
          diff: shown,
        }),
      );
    } else {
      terminal.out(plain(turn.body));
      if (branch !== null)
        terminal.out(
          `\nBranch ${branch} (${turn.pushedSha?.slice(0, 10)}) is in ${repositoryPath}. Look at it with: git diff ${turn.startSha?.slice(0, 10)}..${branch}\n`,
        );
      if (shown) terminal.out(shown.trimEnd());
    }
    if (turn.state !== 'done') process.exitCode = exitCode.failed;
  } finally {
    await serving.end(0);
  }
}

/** The user's configuration with the one repository, as its own remote: the branch ends up in it, and no pull request is opened. */
function configFor(config: Config, repositoryId: string, repositoryPath: string, baseBranch: string | undefined): Config {
  const known = config.repositories.find(
    (repository) => repository.repositoryPath !== undefined && resolve(repository.repositoryPath) === repositoryPath,
  );
  const { githubToken: _token, repositoryPath: _path, ...kept } = known ?? { isActive: true };
  const { token: _github, ...github } = config.github;
  const base = baseBranch === undefined ? {} : { baseBranch };
  return { ...config, github, repositories: [{ ...kept, isActive: true, id: repositoryId, remoteUrl: repositoryPath, ...base }] };
}

type TurnEnd = NonNullable<Awaited<ReturnType<typeof readTurn>>>;

async function follow(db: Database, sessionId: string, show: (line: string) => void): Promise<TurnEnd> {
  let after = 0;
  for (;;) {
    const turn = await readTurn(db, sessionId);
    if (turn?.planId) {
      for await (const event of planEvents(db, turn.planId, after)) {
        after = event.number;
        const text = describeEvent(event);
        if (text !== null && event.type !== 'turn.closed') show(`${timeOfDay(event.at)}  ${text}`);
      }
    }
    if (turn?.closed) return turn;
    await systemClock.sleep(150);
  }
}
