import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Options, PreToolUseHookInput, Query, SDKMessage, SDKResultMessage, SyncHookJSONOutput } from '@anthropic-ai/claude-agent-sdk';
import type { Clock, Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import type { Sandbox, SandboxedProcess, SandboxNetwork } from 'cyrus-core/ports/sandbox';
import { loadPrices } from 'cyrus-core/prices';
import { asking, endedAsking } from 'cyrus-executor-interface/asked';
import { eventLog } from 'cyrus-executor-interface/event-log';
import type { ExecutionRequest, RunResult } from 'cyrus-executor-interface/executor';
import type { LocalRun } from 'cyrus-executor-interface/local-runs';
import { runEnd } from 'cyrus-executor-interface/run-end';
import { configDirectory, temporaryDirectory } from './agent-env.ts';
import { askedIn, askedNotice, askTool } from './ask-tool.ts';
import { findTranscript, readTranscript } from './conversation-record.ts';
import { classifyApiFailure } from './failures.ts';
import { hostToolServers } from './host-tools.ts';
import { endedEarly, resultOf } from './run-result.ts';
import { contentEvents, isSynthetic, textOf } from './sdk-events.ts';
import { steering } from './steering.ts';
import type { ToolPolicy } from './tool-policy.ts';
import { type Totals, usageMeter } from './usage-meter.ts';

export interface ClaudeRunSetup {
  readonly runId: string;
  readonly request: ExecutionRequest;
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly binary: string;
  readonly env: Readonly<Record<string, string>>;
  readonly policy: ToolPolicy;
  readonly apiUrl: string | undefined;
  readonly model: string | undefined;
  readonly network: SandboxNetwork;
  readonly readable: readonly string[];
  /** As the agent reaches them. */
  readonly mcpServers: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** At most one heartbeat in this time, however fast the model streams. */
const heartbeatEveryMs = 5_000;
/** The agent waits out a limit itself when it is shorter than this; else the run ends and says when to come back. */
const longestWaitMs = 60_000;
/** How long the agent may take to leave after its last result, and to take in a message that came with it. */
const leaveWithinMs = 5_000;
const readWithinMs = 30_000;

/**
 * Starts one run of Claude Code and returns it at once; what happens comes through its log.
 * One function over one agent's state: the pieces that can be told apart (steering, metering, policy, events) are files of their own.
 */
export async function beginClaudeRun(setup: ClaudeRunSetup): Promise<LocalRun> {
  const { runId, request, sandbox, clock, policy } = setup;
  const home = request.conversation.directory;
  await mkdir(configDirectory(home), { recursive: true, mode: 0o700 });
  await mkdir(temporaryDirectory(home), { recursive: true, mode: 0o700 });
  const [{ query }, price] = await Promise.all([import('@anthropic-ai/claude-agent-sdk'), loadPrices()]);

  /** There are servers that the agent itself starts, or asks. */
  const ownServers = Object.values(setup.mcpServers).some(({ type }) => type !== 'sdk');
  const hostServers = await hostToolServers(request.hostTools ?? []);
  const log = eventLog();
  const talk = steering(runId, request.prompt);
  const earlier = await recordedConversation(home, request.conversation.id);
  const meter = usageMeter(price, earlier.totals);
  const questions = asking();
  let agent: SandboxedProcess | undefined;
  let errorOutput = '';
  let currentStep: string | undefined;
  let lastHeartbeat = clock.now();
  let retryAt: Instant | undefined;
  let limitEnd: Instant | undefined;
  let synthetic = '';
  let outcome: RunResult | undefined;
  let output = '';
  let turns = 0;
  let refusedToResume = false;

  const beginsAnew = (): void =>
    log.push({ type: 'message', content: 'Nothing of the earlier conversation was found to resume: a new one begins.' });
  if (request.conversation.resume && earlier.transcript === undefined) beginsAnew();

  const end = runEnd({
    log,
    clock,
    timeoutMs: request.timeoutMs,
    close: talk.close,
    kill: async () => agent?.kill(),
    result: (ended) => {
      for (const usage of meter.abandoned()) log.push({ type: 'usage', usage });
      const asked = questions.question;
      const asks = endedAsking(ended, asked);
      if (asks) log.push({ type: 'needs-input', ...asked });
      return {
        ...ended,
        output: asks ? asked.question : output,
        ...(turns > 0 ? { turns } : {}),
        ...(talk.lastRead === undefined ? {} : { lastDelivered: talk.lastRead }),
      };
    },
  });
  const fail = (failure: Failure): Promise<void> => end.force({ state: 'failed', failure });

  function beat(): void {
    if (clock.now() - lastHeartbeat < heartbeatEveryMs) return;
    lastHeartbeat = clock.now();
    log.push({ type: 'heartbeat' });
  }

  const delivered = (ids: readonly number[]): void => {
    for (const messageId of ids) log.push({ type: 'delivered', messageId });
  };

  function onMessage(message: SDKMessage): void {
    beat();
    for (const event of contentEvents(message)) {
      if (event.type === 'tool-use') currentStep = event.tool;
      log.push(event);
    }
    switch (message.type) {
      case 'stream_event': {
        if (message.parent_tool_use_id !== null) return;
        const { event } = message;
        if (event.type === 'message_start') {
          // A message that came late has begun another turn: the result so far is not the run's, and a question is not its end.
          outcome = undefined;
          questions.withdraw();
          meter.started(event.message.model, event.message.usage);
          delivered(talk.answered());
        } else if (event.type === 'message_delta') {
          for (const usage of meter.finished(event.usage)) log.push({ type: 'usage', usage });
        }
        return;
      }
      case 'assistant':
        if (isSynthetic(message)) synthetic = textOf(message);
        else if (message.parent_tool_use_id !== null) {
          const seen = meter.seen(message.message.id, message.message.model, message.message.usage);
          for (const usage of seen) log.push({ type: 'usage', usage });
        }
        return;
      case 'rate_limit_event':
        if (message.rate_limit_info.status === 'rejected' && message.rate_limit_info.resetsAt)
          limitEnd = message.rate_limit_info.resetsAt * 1000;
        return;
      case 'system':
        return onSystem(message);
      case 'result':
        return onResult(message);
    }
  }

  function onSystem(message: SDKMessage & { readonly type: 'system' }): void {
    if (message.subtype === 'status' && 'user_message_uuids' in message) talk.offered(message.user_message_uuids as string[]);
    if (message.subtype === 'informational' && 'tag' in message && message.tag === 'hook_callback_failed') {
      void fail({ class: 'agent_failed', message: 'The tool policy could not be asked about a tool call; the agent was stopped.' });
    }
    if (message.subtype !== 'api_retry') return;
    retryAt = clock.now() + message.retry_delay_ms;
    const failure = classifyApiFailure({
      status: message.error_status ?? undefined,
      text: retryText(message),
      retryAt,
      apiUrl: setup.apiUrl,
    });
    if (failure.class === 'auth' || message.retry_delay_ms > longestWaitMs) void fail(failure);
    else log.push({ type: 'error', failure });
  }

  function onResult(message: SDKResultMessage): void {
    turns += message.num_turns;
    for (const usage of meter.settled(message.modelUsage)) log.push({ type: 'usage', usage });
    delivered(talk.consumed(uuidsOf(message)));
    if (
      earlier.transcript !== undefined &&
      message.subtype !== 'success' &&
      message.errors.some((error) => /no conversation found/i.test(error))
    ) {
      refusedToResume = true;
      return;
    }
    outcome = resultOf(message, { synthetic, retryAt: limitEnd ?? retryAt, apiUrl: setup.apiUrl, maxTurns: request.maxTurns });
    output = outcome.output;
    if (outcome.state === 'failed' || talk.unread === 0) leave();
    else void clock.sleep(readWithinMs, end.over).then(() => (talk.unread > 0 && !end.over.aborted ? leave() : undefined));
  }

  function leave(): void {
    talk.close();
    void clock.sleep(leaveWithinMs, end.over).then(() => (end.over.aborted ? undefined : agent?.kill()));
  }

  /** Ends the turn with what the agent asks: nobody answers within a run. */
  function passOn(input: PreToolUseHookInput): SyncHookJSONOutput {
    const asked = askedIn(input.tool_input);
    const refused = (why: string): SyncHookJSONOutput => ({
      hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny', permissionDecisionReason: why },
    });
    if (input.agent_id !== undefined) return refused('A subagent cannot ask. Say in your answer what has to be asked.');
    if (!asked) return refused('The question is empty.');
    questions.add(asked);
    return { continue: false, stopReason: 'The agent asked a question.', ...refused(askedNotice) };
  }

  async function askPolicy(input: PreToolUseHookInput): Promise<SyncHookJSONOutput> {
    const refuse = (why: string): SyncHookJSONOutput => ({
      hookSpecificOutput: {
        hookEventName: 'PreToolUse',
        permissionDecision: 'deny',
        permissionDecisionReason: `Not allowed here: ${why}.`,
      },
    });
    if (questions.question !== undefined && input.tool_name !== askTool) return refuse('the run ends with your question');
    try {
      const verdict = policy.decide({ tool: input.tool_name, input: input.tool_input, cwd: input.cwd });
      if (!verdict.allowed) return refuse(verdict.why);
      return input.tool_name === askTool ? passOn(input) : {};
    } catch (error) {
      // An error in here would count as consent.
      return refuse(`the policy failed (${error instanceof Error ? error.message : String(error)})`);
    }
  }

  function options(resume: boolean): Options {
    const builtIn = policy.offered;
    return {
      cwd: request.workingDirectory,
      env: { ...setup.env },
      pathToClaudeCodeExecutable: setup.binary,
      ...(resume ? { resume: request.conversation.id } : { sessionId: request.conversation.id }),
      ...(setup.model === undefined ? {} : { model: setup.model }),
      ...(request.fallbackModel === undefined || request.fallbackModel === setup.model ? {} : { fallbackModel: request.fallbackModel }),
      ...(request.maxTurns === undefined ? {} : { maxTurns: request.maxTurns }),
      ...(request.maxCost === undefined ? {} : { maxBudgetUsd: request.maxCost / 1_000_000 }),
      ...(builtIn === undefined ? {} : { tools: [...builtIn] }),
      systemPrompt: { type: 'preset', preset: 'claude_code', ...(request.systemContext ? { append: request.systemContext } : {}) },
      settingSources: [],
      strictMcpConfig: true,
      mcpServers: { ...(setup.mcpServers as Options['mcpServers']), ...hostServers },
      // Not by argv, which every user of the host can read.
      ...(ownServers ? { mcpServersDelivery: 'initialize' as const } : {}),
      permissionMode: 'bypassPermissions',
      allowDangerouslySkipPermissions: true,
      disallowedTools: [...policy.neverAllowed],
      // Without someone who is asked for permission Claude Code does not offer its ask tool. The hook decides; nothing else is asked.
      extraArgs: { 'permission-prompt-tool': 'stdio' },
      hooks: { PreToolUse: [{ hooks: [(input) => askPolicy(input as PreToolUseHookInput)] }] },
      includePartialMessages: true,
      spawnClaudeCodeProcess: ({ command, args }) => {
        const spawned = sandbox.spawn({
          runId,
          command,
          args,
          cwd: request.workingDirectory,
          env: setup.env,
          writable: request.readOnly ? [home] : [request.workingDirectory, home],
          readable: [
            ...(request.readOnly ? [request.workingDirectory] : []),
            ...request.readable,
            ...setup.readable,
            dirname(setup.binary),
          ],
          network: setup.network,
        });
        agent = spawned;
        if (end.decided) void spawned.kill();
        spawned.child.stderr?.on('data', (chunk: Buffer) => {
          errorOutput = (errorOutput + chunk.toString('utf8')).slice(-2000);
        });
        const { child } = spawned;
        if (!child.stdin || !child.stdout) throw new Error('the sandbox gave a process without pipes');
        return child as typeof child & { stdin: NonNullable<typeof child.stdin>; stdout: NonNullable<typeof child.stdout> };
      },
    };
  }

  /** An agent goes on without servers that do not connect; people are to know. */
  async function tellUnconnected(running: Query): Promise<void> {
    // Nothing hangs on it: an agent that has gone by now has said how it ended.
    const all = await running.mcpServerStatus().catch(() => []);
    for (const { name, status, error } of all) {
      if (status === 'connected' || !Object.hasOwn(setup.mcpServers, name) || end.decided) continue;
      const why = error === undefined ? status : `${status}: ${error}`;
      log.push({ type: 'message', content: `The MCP server ${name} is not connected (${why}). The agent works without it.` });
    }
  }

  async function talkTo(running: Query): Promise<unknown> {
    try {
      for await (const message of running) {
        if (end.decided) continue;
        if (message.type === 'system' && message.subtype === 'init' && ownServers) void tellUnconnected(running);
        onMessage(message);
      }
      return undefined;
    } catch (error) {
      return error;
    }
  }

  async function pump(): Promise<void> {
    let thrown = await talkTo(query({ prompt: talk.input(), options: options(earlier.transcript !== undefined) }));
    if (refusedToResume && !end.decided) {
      await agent?.kill();
      if (earlier.transcript) await putAside(earlier.transcript);
      beginsAnew();
      thrown = await talkTo(query({ prompt: talk.input(), options: options(false) }));
    }
    if (end.decided) return;
    const exit = await agent?.exited;
    await agent?.kill();
    if (end.decided) return;
    end.finish(outcome ?? { state: 'failed', failure: endedEarly(exit, thrown, errorOutput) });
  }

  pump().catch((error: unknown) =>
    fail({ class: 'agent_failed', message: `The run broke: ${error instanceof Error ? error.message : String(error)}` }),
  );
  return {
    log,
    get currentStep() {
      return currentStep;
    },
    stop: () => end.force({ state: 'cancelled' }),
    send: (message) => talk.send(message),
  };
}

/** What is on disk of this conversation: its transcript, when it can be resumed, and the totals it ended with. */
async function recordedConversation(home: string, id: string): Promise<{ readonly transcript?: string; readonly totals: Totals }> {
  const path = await findTranscript(home, id);
  if (path === undefined) return { totals: {} };
  const { resumable, totals } = await readTranscript(path);
  if (resumable) return { transcript: path, totals };
  await putAside(path);
  return { totals: {} };
}

/** Out of the way: the id of a transcript that cannot be resumed would be refused to a new conversation. */
const putAside = (path: string): Promise<void> => rename(path, `${path}.unusable`);

function uuidsOf(message: SDKResultMessage): readonly string[] {
  return 'user_message_uuids' in message ? (message.user_message_uuids ?? []) : [];
}

function retryText(message: { readonly error_status: number | null; readonly error: string }): string {
  return message.error_status === null ? 'no connection' : message.error.replaceAll('_', ' ');
}
