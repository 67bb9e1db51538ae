/** What the author of an executor wants to know: whether it keeps the protocol, and what to mend. (Long because it is one list of checks.) */
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import type { RunDoor } from 'cyrus-core/ports/network';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import type { ExecutionEvent, ExecutionRequest, RunRef, RunResult, TaskExecutor } from 'cyrus-executor-interface/executor';

export interface KitCheck {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly detail: string;
  /** Present with `failed`. */
  readonly fix?: string;
  readonly durationMs: number;
}

export interface KitOptions {
  /** A local one: its runs have `runIdPrefix`. */
  readonly executor: TaskExecutor;
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly runIdPrefix: string;
  /** Empty; everything goes there. */
  readonly directory: string;
  /** Of one run. */
  readonly timeoutMs: number;
  /** The way its runs open their networks; absent: the host's own. */
  readonly network?: RunDoor;
}

type Verdict = Pick<KitCheck, 'state' | 'detail' | 'fix'>;
const passed = (detail: string): Verdict => ({ state: 'passed', detail });
const failed = (detail: string, fix: string): Verdict => ({ state: 'failed', detail, fix });
const skipped = (detail: string): Verdict => ({ state: 'skipped', detail });

interface Run {
  readonly ref: RunRef;
  readonly events: readonly ExecutionEvent[];
  readonly result: RunResult | undefined;
}

const file = 'cyrus-test.txt';
const task = `Create the file ${file} with the one line "hello", commit it with git, and say that you are done.`;

/** Runs every check, one after the other; an executor that cannot do the first task is not asked for more. It does real work, which may cost money. */
export async function* testExecutor(options: KitOptions): AsyncGenerator<KitCheck> {
  const { executor, sandbox, clock, directory, timeoutMs } = options;
  const { capabilities } = executor;
  const work = join(directory, 'work');
  const conversation = { id: randomUUID(), resume: false, directory: join(directory, 'conversation') };
  await mkdir(work, { recursive: true });

  async function checked(name: string, check: () => Promise<Verdict>): Promise<KitCheck> {
    const since = clock.now();
    try {
      return { name, ...(await check()), durationMs: clock.now() - since };
    } catch (error) {
      return { name, ...failed((error as Error).message, 'See docs/custom-executor.md.'), durationMs: clock.now() - since };
    }
  }

  /** Inside the sandbox: what an agent left in its tree may run programs. */
  async function git(...args: readonly string[]): Promise<string> {
    const run = sandbox.spawn({
      runId: `${options.runIdPrefix}git`,
      command: 'git',
      args: ['-c', 'user.name=Cyrus', '-c', 'user.email=cyrus@localhost', ...args],
      cwd: work,
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: '/nowhere', GIT_CONFIG_NOSYSTEM: '1' },
      writable: [work],
      readable: [],
      network: 'none',
    });
    run.child.stdin?.end();
    let [said, complained] = ['', ''];
    run.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    run.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complained += text;
    });
    const { code } = await run.exited;
    if (code !== 0) throw new Error(`git ${args[0]} failed: ${complained.trim()}`);
    return said.trim();
  }

  const request = (prompt: string, more: Partial<ExecutionRequest> = {}): ExecutionRequest => ({
    prompt,
    conversation,
    workingDirectory: work,
    readable: [],
    timeoutMs,
    ...(options.network ? { network: options.network } : {}),
    environmentVariables: {
      ...{
        GIT_AUTHOR_NAME: 'Cyrus',
        GIT_AUTHOR_EMAIL: 'cyrus@localhost',
        GIT_COMMITTER_NAME: 'Cyrus',
        GIT_COMMITTER_EMAIL: 'cyrus@localhost',
      },
    },
    ...more,
  });
  const start = (asked: ExecutionRequest): Promise<RunRef> => executor.start(asked, { attemptId: randomUUID(), number: 1 });

  async function follow(ref: RunRef, seen?: (event: ExecutionEvent) => void): Promise<Run> {
    const events: ExecutionEvent[] = [];
    for await (const event of executor.attach(ref)) {
      events.push(event);
      seen?.(event);
    }
    const last = events.at(-1);
    return { ref, events, result: last?.type === 'complete' ? last.result : undefined };
  }

  const health = await checked('can be started', async () => {
    const { state, detail, failure } = await executor.health();
    return state === 'ready' ? passed(detail) : failed(detail, failure?.fix ?? 'Make the command executable for this account.');
  });
  yield health;
  if (health.state === 'failed') return;

  await git('init', '--quiet', '--initial-branch=main');
  await git('commit', '--quiet', '--allow-empty', '--message', 'Begin');

  let first: Run | undefined;
  const did = await checked('does a task', async () => {
    const run = await follow(await start(request(task)));
    first = run;
    if (run.result?.state === 'succeeded') return passed(short(run.result.output) || 'succeeded');
    const { message, fix } = run.result?.failure ?? {};
    return failed(
      message ?? 'it ended without a result',
      fix ?? 'Write {"type":"complete","result":{"state":"succeeded","output":"…"}} when the work is done, and leave when stdin ends.',
    );
  });
  yield did;
  const run = first;
  if (did.state === 'failed' || run === undefined) return;

  yield await checked('says what it does', async () => {
    const told = run.events.filter(({ type }) => type === 'message' || type === 'tool-use').length;
    if (told > 0) return passed(`${told} of ${run.events.length} events are for people`);
    return failed('nobody can see what it does', 'Write message and tool-use events as things happen.');
  });

  yield await checked('commits its work', async () => {
    const files = await git('show', '--name-only', '--format=', 'HEAD');
    if (!files.split('\n').includes(file))
      return failed(
        `the last commit holds ${files === '' ? 'nothing' : files.split('\n').join(', ')}, not ${file}`,
        'Commit with git in workingDirectory.',
      );
    const left = await git('status', '--porcelain');
    if (left !== '')
      return failed(`not committed: ${left.split('\n')[0]}`, 'Commit everything that belongs to the work, and remove the rest.');
    return passed(`${file} is in the last commit, nothing else lies around`);
  });

  yield await checked('reports its usage', async () => {
    if (capabilities.cost === 'none') return skipped('it is declared to know no cost');
    const usages = run.events.flatMap((event) => (event.type === 'usage' ? [event.usage] : []));
    const sum = usages.reduce((total, { inputTokens, outputTokens }) => total + inputTokens + outputTokens, 0);
    if (usages.length === 0)
      return failed('no usage event', 'Write usage events, or declare capabilities.cost "none" and set estimatedCostPerRunUsd.');
    if (capabilities.cost === 'money' && usages.some(({ cost }) => cost === undefined))
      return failed('a usage event has no cost', 'Give cost in micro-dollars, or declare capabilities.cost "tokens".');
    return passed(`${usages.length} reports, ${sum} tokens`);
  });

  yield await checked('goes on with a conversation', async () => {
    if (!capabilities.resume) return skipped('it is declared not to');
    const resumed = await follow(
      await start(request('Say that you are still there.', { conversation: { ...conversation, resume: true } })),
    );
    if (resumed.result?.state === 'succeeded') return passed(short(resumed.result.output) || 'succeeded');
    return failed(
      resumed.result?.failure?.message ?? 'it ended without a result',
      'Keep what is needed in conversation.directory; with resume and nothing there begin anew, and say so.',
    );
  });

  yield await checked('reads messages', async () => {
    if (!capabilities.steer || !executor.send) return skipped('it is declared not to');
    const ref = await start(request(`Create cyrus-steered.txt with the line "one" and commit it.`));
    const way = await executor.send(ref, { id: 7, text: 'Write "two" into it, not "one".' });
    const steered = await follow(ref);
    if (way === 'too_late') return skipped('it was done before it could be told anything');
    if (steered.events.some((event) => event.type === 'delivered' && event.messageId === 7)) return passed('delivered while it worked');
    return failed(
      `a message it was given was not acknowledged${steered.result?.failure ? `: ${steered.result.failure.message}` : ''}`,
      'Read stdin while working and after complete, until it ends; answer {"type":"delivered","messageId":7} once the agent has read the text, then complete anew. Or declare capabilities.steer false.',
    );
  });

  yield await checked('asks people', async () => {
    const asked = await follow(
      await start(request('Ask the people on this issue which port to use, 4000 or 5000, and end.', { conversation: other() })),
    );
    const question = asked.events.find((event) => event.type === 'needs-input');
    if (question?.type === 'needs-input') return passed(short(question.question));
    if (asked.result?.state === 'failed' && asked.result.failure)
      return failed(asked.result.failure.message, 'Write needs-input, and leave when stdin ends.');
    return skipped('it did not ask, which is right for an agent that never does');
  });

  yield await checked('stops at once, with everything it started', async () => {
    const ref = await start(request('Count to one thousand, one number a second, and say each of them.', { conversation: other() }));
    const over = new AbortController();
    const first = Promise.withResolvers<void>();
    const following = follow(ref, () => first.resolve());
    await Promise.race([first.promise, following, clock.sleep(5_000, over.signal).catch(() => undefined)]);
    over.abort();
    const { state } = await executor.getStatus(ref);
    const since = clock.now();
    const answer = await executor.stop(ref);
    const tookMs = clock.now() - since;
    const left = await sandbox.killLeftovers(ref.runId);
    await following;
    if (answer !== 'confirmed') return failed(`its stop is ${answer}`, 'This is a mistake of the executor, not of the command.');
    if (left > 0)
      return failed(`${left} processes survived`, 'Start no process outside of the tree: no daemon, no setsid with a cleared environment.');
    return passed(
      state === 'succeeded' ? 'it was done before it could be stopped; nothing is left' : `gone after ${tookMs} ms, nothing is left`,
    );
  });

  function other(): ExecutionRequest['conversation'] {
    return { id: randomUUID(), resume: false, directory: join(directory, randomUUID()) };
  }
}

function short(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
