import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import { systemClock } from 'cyrus-core/clock';
import { type Ids, idOf, systemIds } from 'cyrus-core/ids';
import type { ExecutionEvent, ExecutionRequest, RunRef, RunState, TaskExecutor } from './executor.ts';

/** What a task is run with, for users of the library. */
export interface ExecutionContext {
  readonly issueId: string;
  readonly repositoryPath: string;
  readonly baseBranch: string;
  readonly workingDirectory: string;
  readonly allowedTools?: readonly string[];
  readonly disallowedTools?: readonly string[];
  readonly mcpConfig?: Readonly<Record<string, unknown>>;
  readonly environmentVariables?: Readonly<Record<string, string>>;
}

export interface FileChange {
  readonly path: string;
  readonly kind: 'added' | 'modified' | 'deleted';
}

export interface SimpleResult {
  readonly success: boolean;
  readonly sessionId: string;
  readonly output: string;
  /** Absent: an executor does not say what changed, git does. */
  readonly changes?: readonly FileChange[];
  readonly pullRequestUrl?: string;
  readonly errorMessage?: string;
  /** `duration` in milliseconds, `cost` in dollars; each absent where it is not known. */
  readonly metadata?: { readonly duration?: number; readonly cost?: number; readonly tokensUsed?: number };
}

export type SimpleEvent =
  | { readonly type: 'message'; readonly content: string }
  | { readonly type: 'tool-use'; readonly tool: string; readonly input: unknown }
  | { readonly type: 'error'; readonly error: Error }
  | { readonly type: 'complete'; readonly result: SimpleResult };

export interface SimpleStatus {
  readonly sessionId: string;
  readonly status: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';
  readonly progress?: number;
  readonly currentStep?: string;
}

export interface SimpleExecutor {
  execute(prompt: string, context: ExecutionContext): Promise<SimpleResult>;
  /** An error thrown by `onProgress` is dropped: a listener cannot break a run. */
  executeStreaming(prompt: string, context: ExecutionContext, onProgress: (event: SimpleEvent) => void): Promise<SimpleResult>;
  isRunning(): boolean;
  /** Stops every run this object has started; one that is just being started ends as soon as it is there. */
  stop(): Promise<void>;
  getStatus(sessionId: string): Promise<SimpleStatus>;
}

export interface SimpleDefaults {
  readonly timeoutMs?: number;
  readonly model?: string;
  /** Where conversations live; each gets a directory of its own. Default: below the system's temporary directory. */
  readonly conversationsDirectory?: string;
  readonly readable?: readonly string[];
  readonly clock?: Clock;
  readonly ids?: Ids;
}

const statusWords: Readonly<Record<RunState, SimpleStatus['status']>> = {
  queued: 'pending',
  running: 'running',
  needs_input: 'running',
  succeeded: 'completed',
  failed: 'failed',
  expired: 'failed',
  cancelled: 'cancelled',
  unknown: 'pending',
};

/** Any executor with the small interface of a library: one call from prompt to result. The session id is the conversation's. */
export function asSimpleExecutor(executor: TaskExecutor, defaults: SimpleDefaults = {}): SimpleExecutor {
  const { clock = systemClock, ids = systemIds, timeoutMs = 3_600_000 } = defaults;
  const base = defaults.conversationsDirectory ?? join(tmpdir(), 'cyrus-conversations');
  const sessions = new Map<string, RunRef>();
  /** What runs now, by session; a run still being started has no ref yet. */
  const running = new Map<string, { ref?: RunRef; stopped?: boolean }>();

  async function run(prompt: string, context: ExecutionContext, onEvent: (event: SimpleEvent) => void): Promise<SimpleResult> {
    const sessionId = idOf(ids.next());
    const began = clock.now();
    const current: { ref?: RunRef; stopped?: boolean } = {};
    running.set(sessionId, current);
    try {
      const ref = await executor.start(requestOf(prompt, context, sessionId), { attemptId: `${context.issueId}-${ids.next()}`, number: 1 });
      sessions.set(sessionId, ref);
      current.ref = ref;
      if (current.stopped) await executor.stop(ref);
      let cost: number | undefined;
      let tokens: number | undefined;
      let result: SimpleResult | undefined;
      for await (const event of executor.attach(ref)) {
        if (event.type === 'usage') {
          const { usage } = event;
          tokens = (tokens ?? 0) + usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
          if (usage.cost !== undefined) cost = (cost ?? 0) + usage.cost;
        } else if (event.type === 'complete') {
          const metadata = {
            duration: clock.now() - began,
            ...(cost === undefined ? {} : { cost: cost / 1_000_000 }),
            ...(tokens === undefined ? {} : { tokensUsed: tokens }),
          };
          result = resultOf(event, sessionId, metadata);
          onEvent({ type: 'complete', result });
        } else simpleEvents(event).forEach(onEvent);
      }
      if (!result) throw new Error(`${executor.id} ended the events of ${ref.runId} without a result`);
      return result;
    } finally {
      running.delete(sessionId);
    }
  }

  function requestOf(prompt: string, context: ExecutionContext, sessionId: string): ExecutionRequest {
    return {
      prompt,
      conversation: { id: sessionId, resume: false, directory: join(base, sessionId) },
      workingDirectory: context.workingDirectory,
      readable: defaults.readable ?? [context.repositoryPath],
      timeoutMs,
      ...(defaults.model === undefined ? {} : { model: defaults.model }),
      ...(context.allowedTools ? { allowedTools: context.allowedTools } : {}),
      ...(context.disallowedTools ? { disallowedTools: context.disallowedTools } : {}),
      ...(context.mcpConfig ? { mcpConfig: context.mcpConfig } : {}),
      ...(context.environmentVariables ? { environmentVariables: context.environmentVariables } : {}),
    };
  }

  return {
    execute: (prompt, context) => run(prompt, context, () => undefined),
    executeStreaming: (prompt, context, onProgress) =>
      run(prompt, context, (event) => {
        try {
          onProgress(event);
        } catch {
          // A listener's error is the listener's own: the run goes on and its result is returned.
        }
      }),
    isRunning: () => running.size > 0,
    async stop() {
      await Promise.all(
        [...running.values()].map((current) => {
          current.stopped = true;
          return current.ref ? executor.stop(current.ref) : undefined;
        }),
      );
    },
    async getStatus(sessionId) {
      const ref = sessions.get(sessionId);
      if (!ref) return { sessionId, status: 'pending' };
      const { state, currentStep } = await executor.getStatus(ref);
      return { sessionId, status: statusWords[state], ...(currentStep === undefined ? {} : { currentStep }) };
    },
  };
}

function simpleEvents(event: ExecutionEvent): SimpleEvent[] {
  if (event.type === 'message') return [{ type: 'message', content: event.content }];
  if (event.type === 'tool-use') return [{ type: 'tool-use', tool: event.tool, input: event.input }];
  if (event.type === 'error') return [{ type: 'error', error: new Error(event.failure.message) }];
  return [];
}

function resultOf(
  event: ExecutionEvent & { readonly type: 'complete' },
  sessionId: string,
  metadata: NonNullable<SimpleResult['metadata']>,
): SimpleResult {
  const { state, output, failure, pullRequestUrl } = event.result;
  return {
    success: state === 'succeeded',
    sessionId,
    output,
    metadata,
    ...(pullRequestUrl === undefined ? {} : { pullRequestUrl }),
    ...(state === 'succeeded' ? {} : { errorMessage: failure?.message ?? `The run was ${state}.` }),
  };
}
