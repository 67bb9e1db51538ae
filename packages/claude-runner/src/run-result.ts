import type { SDKResultMessage } from '@anthropic-ai/claude-agent-sdk';
import type { Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import type { SandboxedProcess } from 'cyrus-core/ports/sandbox';
import type { RunResult } from 'cyrus-executor-interface/executor';
import { classifyApiFailure } from './failures.ts';

export interface ResultContext {
  /** The last words the harness put in the model's mouth: an API error's text. */
  readonly synthetic: string;
  readonly retryAt: Instant | undefined;
  readonly apiUrl: string | undefined;
  readonly maxTurns: number | undefined;
}

/** How a turn ended, from the agent's own result. Its subtype is no proof: API errors come as `success` with `is_error`. */
export function resultOf(message: SDKResultMessage, { synthetic, retryAt, apiUrl, maxTurns }: ResultContext): RunResult {
  if (message.subtype === 'success') {
    if (!message.is_error) return { state: 'succeeded', output: message.result };
    const text = message.result || synthetic;
    const failure = classifyApiFailure({ status: message.api_error_status ?? undefined, text, retryAt, apiUrl });
    return { state: 'failed', output: text, failure };
  }
  if (message.subtype === 'error_max_turns') {
    const failure: Failure = { class: 'agent_failed', message: `The agent used up its ${maxTurns ?? ''} turns without finishing.` };
    return { state: 'failed', output: synthetic, failure };
  }
  if (message.subtype === 'error_max_budget_usd') {
    const fix = 'Raise the budget of the task, or split the task.';
    return {
      state: 'failed',
      output: synthetic,
      failure: { class: 'budget_exceeded', message: 'The agent reached the cost limit of this attempt.', fix },
    };
  }
  const text = message.errors.join('\n');
  return { state: 'failed', output: text, failure: classifyApiFailure({ status: undefined, text, retryAt, apiUrl }) };
}

type Exit = Awaited<SandboxedProcess['exited']>;

/** Why an agent is gone that has given no result. */
export function endedEarly(exit: Exit | undefined, thrown: unknown, errorOutput: string): Failure {
  if (exit?.spawnError) {
    return { class: 'missing_binary', message: `Claude Code could not be started: ${exit.spawnError.message}`, fix: 'Run cyrus doctor.' };
  }
  if (exit && (exit.signal !== null || exit.code === 137 || exit.code === 143)) {
    return { class: 'sandbox_lost', message: `The agent's process was killed (${exit.signal ?? exit.code}) before it had finished.` };
  }
  const said = errorOutput.trim().slice(-500) || (thrown instanceof Error ? thrown.message : '');
  return { class: 'agent_failed', message: `The agent ended without a result (exit code ${exit?.code ?? 'unknown'}): ${said}` };
}
