import type { Failure } from 'cyrus-core/failure';
import type { RunResult, RunState } from 'cyrus-executor-interface/executor';
import type { CodegenRun } from './payload.ts';

/** The branch and the pull request of a run, as far as the service tells of them: of the newest pull request. */
export function workOf(run: CodegenRun): Pick<RunResult, 'branch' | 'pullRequestUrl'> {
  const pull = (run.github_pull_requests ?? []).toSorted((a, b) => a.id - b.id).at(-1);
  return {
    ...(pull?.head_branch_name ? { branch: pull.head_branch_name } : {}),
    ...(pull?.url ? { pullRequestUrl: pull.url } : {}),
  };
}

/** What the agent said last, as the run tells it. */
export const outputOf = (run: CodegenRun): string => (run.result ?? run.summary ?? '').trim();

/** How a run ended. `lastError`: of its log. A run that pauses ends well: it has a question. */
export function resultOf(run: CodegenRun, state: RunState, output: string, lastError: string | undefined): RunResult | undefined {
  const common = { output, ...workOf(run) };
  switch (state) {
    case 'succeeded':
    case 'needs_input':
      return { state: 'succeeded', ...common };
    case 'cancelled':
      return { state: 'cancelled', ...common };
    case 'failed':
    case 'expired':
      return { state, ...common, failure: failureOf(run, state, lastError ?? output) };
    default:
      return undefined;
  }
}

function failureOf(run: CodegenRun, state: 'failed' | 'expired', why: string): Failure {
  const reason = why === '' ? '.' : `: ${why.replace(/\s+/g, ' ').slice(0, 400)}`;
  if (state === 'expired') return { class: 'timeout', message: `Codegen ended run ${run.id} because it took too long${reason}` };
  const words: Readonly<Record<string, string>> = {
    MAX_ITERATIONS_REACHED: 'after as many steps as it allows',
    OUT_OF_TOKENS: 'because its model ran out of tokens',
  };
  const how = words[(run.status ?? '').toUpperCase()] ?? 'with an error';
  return { class: 'agent_failed', message: `Codegen ended run ${run.id} ${how}${reason}` };
}
