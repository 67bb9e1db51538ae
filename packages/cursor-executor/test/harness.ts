import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { systemClock } from 'cyrus-core/clock';
import type { CloudHarness, CloudScript } from 'cyrus-executor-interface/cloud-conformance';
import type { TaskExecutor } from 'cyrus-executor-interface/executor';
import type { Step } from 'cyrus-stand-in-cursor/script';
import { type CursorOptions, startCursor } from 'cyrus-stand-in-cursor/server';
import { startGitHub } from 'cyrus-stand-in-github/server';
import { type CursorExecutorOptions, createCursorExecutor } from '../src/cursor-executor.ts';

/** Impatient, so that a test of patience is short. */
const patience = { pollMs: 50, retryMs: 40, lostAfterMs: 4_000, silentMs: 3_000, lastEventsMs: 4_000, costWaitMs: 3_000 };

const tool: Step = { tool: 'read_file', args: { path: 'README.md' }, result: { success: { content: '# app' } } };

function stepsOf(script: CloudScript): readonly Step[] {
  switch (script.kind) {
    case 'answer':
      return [{ think: 'hm' }, { say: script.text }];
    case 'steps': {
      const some = Array.from({ length: script.steps }, (_, index) => [{ say: `Step ${index} of it.` }, tool]).flat();
      return [...some, { wait: true }, ...some, { say: script.text }];
    }
    case 'push':
      return [{ write: { 'work.txt': 'done\n' } }, ...(script.pullRequest ? [{ pullRequest: 'Work' }] : []), { say: script.text }];
    case 'question':
      return [{ say: script.question }];
    case 'endless':
      return [{ say: 'I begin.' }, tool, { forever: true }];
    case 'fail':
      return [{ say: 'Oh no.' }, { end: 'ERROR' }];
    case 'expire':
      return [{ say: 'Slow.' }, { end: 'EXPIRED' }];
  }
}

/** The executor on the stand-ins of Cursor and of GitHub, with a repository to work on. */
export async function cursorHarness(
  options: Partial<CursorExecutorOptions> = {},
  service: CursorOptions = {},
): Promise<
  CloudHarness & { readonly cursor: Awaited<ReturnType<typeof startCursor>>; with(more: Partial<CursorExecutorOptions>): TaskExecutor }
> {
  const github = await startGitHub();
  const repository = await github.createRepository({ owner: 'acme', name: 'app' });
  const cursor = await startCursor({
    codeHost: { apiUrl: github.apiUrl, token: github.token },
    eventDelayMs: 5,
    heartbeatMs: 200,
    ...service,
  });
  const git = promisify(execFile);
  const heads = async (): Promise<Record<string, string | undefined>> => {
    const args = [
      '-c',
      'safe.directory=*',
      '-C',
      repository.directory,
      'for-each-ref',
      '--format=%(refname:lstrip=2) %(objectname)',
      'refs/heads',
    ];
    const { stdout } = await git('git', args);
    return Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ') as [string, string]),
    );
  };
  const make = (more: Partial<CursorExecutorOptions> = {}): TaskExecutor =>
    createCursorExecutor({
      clock: systemClock,
      random: Math.random,
      apiKey: cursor.apiKey,
      apiUrl: cursor.url,
      callsPerMinute: 100_000,
      ...options,
      ...more,
      patience: { ...patience, ...more.patience },
    });
  const startSha = (await heads())['main'] ?? '';
  return {
    cursor,
    with: make,
    executor: () => make(),
    play: (script) => ({ prompt: `Do as the script says.\nAGENT:${JSON.stringify(stepsOf(script))}` }),
    remote: {
      repositoryUrl: repository.cloneUrl,
      repositoryName: 'acme/app',
      startBranch: 'main',
      startSha,
      baseBranch: 'main',
      pushBranch: 'cyrus/work',
    },
    branchHead: async (branch) => (await heads())[branch],
    fault(fault) {
      switch (fault.kind) {
        case 'lose-create-answer':
          return cursor.setFaults({ loseAnswer: { 'agents.create': 1 }, hideNewAgentsMs: fault.hiddenForMs ?? 0 });
        case 'refuse-create-unavailable':
          return cursor.setFaults({ failNext: { count: 1, operation: 'agents.create' } });
        case 'refuse-create-rate-limit':
          return cursor.setFaults({
            rateLimitNext: { count: 1, operation: 'agents.create', retryAfterSeconds: fault.retryAfterSeconds },
          });
        case 'hide-new-runs':
          return cursor.setFaults({ hideNewAgentsMs: fault.forMs });
        case 'status-word':
          return cursor.setFaults({ statusWord: fault.word });
        case 'duplicate-events':
          return cursor.setFaults({ duplicateEvents: true });
        case 'rate-limit':
          return cursor.setFaults({ rateLimitMs: fault.forMs });
        case 'unavailable':
          return cursor.setFaults({ outageMs: fault.forMs });
        case 'no-cost':
          return cursor.setFaults({ cost: 'absent' });
        case 'late-cost':
          return cursor.setFaults({ cost: fault.byMs });
      }
    },
    async calm() {
      cursor.setFaults({ clear: true });
      cursor.release();
      await pause(0);
    },
    async release() {
      // A run that has not come to its wait yet is not let go on by a release now.
      const until = Date.now() + 20_000;
      const waits = (): boolean => cursor.waiting() > 0;
      while (!waits() && Date.now() < until) await pause(5);
      cursor.release();
    },
    runs: async () =>
      cursor.state().agents.map(({ id, runs }) => ({
        runId: id,
        active: runs.some((run) => run.active),
        billed: Math.round(runs.reduce((sum, run) => sum + run.chargedCents, 0) * 10_000),
      })),
    canAsk: false,
    heard: async (ref) =>
      cursor
        .state()
        .agents.filter(({ id }) => id === ref.runId)
        .flatMap(({ runs }) => runs.map((run) => run.prompt)),
    broken: {
      wrongCredential: make({ apiKey: 'crsr_wrong' }),
      unreachable: make({ apiUrl: await deadAddress() }),
    },
    async close() {
      await cursor.stop();
      await github.stop();
    },
  };
}

/** An address where nothing listens. */
async function deadAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}
