import { mkdir } from 'node:fs/promises';
import type { Clock } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import type { Sandbox, SandboxNetwork } from 'cyrus-core/ports/sandbox';
import { asking, endedAsking } from 'cyrus-executor-interface/asked';
import { eventLog } from 'cyrus-executor-interface/event-log';
import type { ExecutionRequest, RunResult } from 'cyrus-executor-interface/executor';
import type { LocalRun } from 'cyrus-executor-interface/local-runs';
import { runEnd } from 'cyrus-executor-interface/run-end';
import { boundedLines } from './bounded-lines.ts';
import { readLine } from './command-events.ts';
import { protocolVersion, type ToCommand } from './protocol.ts';

export interface CustomRunSetup {
  readonly runId: string;
  readonly request: ExecutionRequest;
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly readable: readonly string[];
  readonly network: SandboxNetwork;
}

/** How long a command may take to leave after its last word, and to take in a message that crossed with it. */
const leaveWithinMs = 5_000;
const readWithinMs = 30_000;
const longestLine = 4_000_000;

/** Starts the command of one run and returns at once; what happens comes through the log. */
export async function beginCustomRun(setup: CustomRunSetup): Promise<LocalRun> {
  const { runId, request, clock } = setup;
  await mkdir(request.conversation.directory, { recursive: true, mode: 0o700 });
  const log = eventLog();
  const unread = new Set<number>();
  const sent = new Set<number>();
  let closed = false;
  let lastDelivered: number | undefined;
  let currentStep: string | undefined;
  let errorOutput = '';
  let lineNumber = 0;
  let result: RunResult | undefined;
  const questions = asking();

  const { child, exited, kill } = setup.sandbox.spawn({
    runId,
    command: setup.command,
    args: setup.args,
    cwd: request.workingDirectory,
    env: setup.env,
    writable: [...(request.readOnly ? [] : [request.workingDirectory]), request.conversation.directory],
    readable: [...(request.readOnly ? [request.workingDirectory] : []), ...request.readable, ...setup.readable],
    network: setup.network,
  });

  const end = runEnd({
    log,
    clock,
    timeoutMs: request.timeoutMs,
    close: () => {
      closed = true;
    },
    kill: () => {
      say({ type: 'stop' });
      return kill();
    },
    result: (outcome) => {
      const whole = { ...(result ?? { output: '' }), ...outcome, ...(lastDelivered === undefined ? {} : { lastDelivered }) };
      const asked = questions.question;
      if (!endedAsking(whole, asked)) return whole;
      log.push({ type: 'needs-input', ...asked });
      return { ...whole, output: asked.question };
    },
  });

  function say(message: ToCommand): void {
    if (child.stdin?.writable) child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  function onLine(text: string): void {
    lineNumber++;
    if (end.decided || text.trim() === '') return;
    const read = readLine(text);
    if ('mistake' in read) {
      const message = `Line ${lineNumber} of ${setup.command} ${read.mistake}`;
      void end.force({ state: 'failed', failure: { class: 'agent_failed', message, fix: 'The protocol is described in protocol.json.' } });
      return;
    }
    const { event } = read;
    if (event.type === 'complete') {
      result = event.result;
      return isDone();
    }
    if (event.type === 'needs-input') {
      const { type: _, ...asked } = event;
      questions.add(asked);
      result ??= { state: 'succeeded', output: asked.question };
      return isDone();
    }
    if (event.type === 'delivered') {
      if (!unread.delete(event.messageId)) return;
      lastDelivered = Math.max(lastDelivered ?? 0, event.messageId);
      // It goes on working: only its next `complete` or question counts.
      result = undefined;
      questions.withdraw();
    }
    if (event.type === 'tool-use') currentStep = event.tool;
    log.push(event);
  }

  function isDone(): void {
    if (unread.size === 0) leave();
    else void clock.sleep(readWithinMs, end.over).then(() => (unread.size > 0 && !end.over.aborted ? leave() : undefined));
  }

  function leave(): void {
    closed = true;
    child.stdin?.end();
    void clock.sleep(leaveWithinMs, end.over).then(() => (end.over.aborted ? undefined : kill()));
  }

  async function pump(): Promise<void> {
    child.stdin?.on('error', () => undefined);
    child.stderr?.on('data', (chunk: Buffer) => {
      errorOutput = (errorOutput + chunk.toString('utf8')).slice(-2000);
    });
    const { hostTools: _, network: __, ...told } = request;
    say({ type: 'start', protocol: protocolVersion, runId, request: told });
    if (child.stdout) for await (const line of boundedLines(child.stdout, longestLine)) onLine(line);
    const exit = await exited;
    await kill();
    if (end.decided) return;
    if (result) end.finish(result);
    else end.finish({ state: 'failed', failure: endedEarly(setup.command, exit, errorOutput) });
  }

  pump().catch((error: unknown) =>
    end.force({ state: 'failed', failure: { class: 'agent_failed', message: `The run broke: ${String(error)}` } }),
  );

  return {
    log,
    get currentStep() {
      return currentStep;
    },
    stop: () => end.force({ state: 'cancelled' }),
    send({ id, text }) {
      if (closed || !child.stdin?.writable) return 'too_late';
      if (!sent.has(id)) {
        sent.add(id);
        unread.add(id);
        say({ type: 'message', id, text });
      }
      return 'steered';
    },
  };
}

function endedEarly(command: string, exit: Awaited<ReturnType<Sandbox['spawn']>['exited']>, errorOutput: string): Failure {
  if (exit.spawnError) return { class: 'missing_binary', message: `${command} could not be started: ${exit.spawnError.message}` };
  if (exit.signal !== null || exit.code === 137 || exit.code === 143) {
    return { class: 'sandbox_lost', message: `${command} was killed (${exit.signal ?? exit.code}) before it had finished.` };
  }
  const said = errorOutput.trim().slice(-500);
  return {
    class: 'agent_failed',
    message: `${command} ended without "complete" (exit code ${exit.code})${said === '' ? '.' : `: ${said}`}`,
  };
}
