import { formatDuration } from 'cyrus-core/duration';
import { formatUsd, roughUsd } from 'cyrus-core/money';
import type { StoredAnalysis, StoredDecision, StoredEstimate } from 'cyrus-store/queries/decision-list';
import type { TaskSummary } from 'cyrus-store/queries/task-list';
import { moment, stateOf } from './format.ts';

/** Why a task was done where it was, in lines that are read without knowing the strategy. */
export function explanation(
  task: Pick<TaskSummary, 'identifier' | 'title' | 'planState' | 'state' | 'parkedReason' | 'waiting' | 'question' | 'repositoryId'>,
  analysis: StoredAnalysis | null,
  decisions: readonly StoredDecision[],
  now: number,
): readonly string[] {
  const lines = [`${task.identifier} ${task.title} (${task.repositoryId}, ${stateOf(task)})`];
  const last = analysis ?? decisions.at(-1)?.analysis ?? null;
  if (last) lines.push('', ...takenFor(last));
  for (const decision of decisions) lines.push('', ...oneDecision(decision, now));
  if (task.question) lines.push('', `It asks: ${task.question}`, `Answer with: cyrus answer ${task.identifier} "…"`);
  else if (task.waiting) lines.push('', task.waiting);
  else if (decisions.length === 0) lines.push('', 'No executor has been chosen yet.');
  return lines;
}

const sizes: Readonly<Record<string, string>> = { low: 'a small task', medium: 'a task of medium size', high: 'a large task' };

function takenFor(analysis: StoredAnalysis): readonly string[] {
  const { type, complexity, urgency, requiresContext, requiresIsolation, requiresParallelExecution, refinedBy } = analysis;
  const needs = [
    urgency === 'high' ? 'urgent' : urgency === 'low' ? 'not urgent' : '',
    requiresIsolation ? 'needs isolation' : '',
    requiresContext === 'local-only' ? 'needs this machine' : '',
    requiresParallelExecution ? 'has parts that can be done side by side' : '',
  ].filter(Boolean);
  const what = [`${sizes[complexity] ?? complexity}, ${kinds[type] ?? type}`, ...needs].join(', ');
  const by = refinedBy === null ? '' : ` (${refinedBy} had a look)`;
  return [`Taken for ${what}${by}`, ...analysis.reasons.map((reason) => `  – ${reason}`)];
}

const kinds: Readonly<Record<string, string>> = {
  debugger: 'a fault to be found and mended (debugger)',
  builder: 'a change of the code (builder)',
  scoper: 'a look at what is to be done (scoper)',
  documentation: 'documentation',
  orchestrator: 'work to be split up (orchestrator)',
};

function oneDecision(decision: StoredDecision, now: number): readonly string[] {
  const { number, executorId, at, strategy, reason, estimate, alternatives } = decision;
  const rows = [
    `Attempt ${number}: ${executorId} (chosen at ${moment(at, now)}, strategy ${strategy})`,
    `  why       ${reason}`,
    `  expected  ${expected(estimate)}; ${estimate.from}`,
    `  was       ${outcome(decision, now)}`,
  ];
  if (alternatives.length === 0) return [...rows, '  instead   nothing else is configured'];
  const instead = alternatives.map(
    (other, index) =>
      `  ${index === 0 ? 'instead' : '       '}   ${other.executorId} ${other.possible ? 'could have' : 'could not'}: ${other.why} (${expected(other.estimate)})`,
  );
  return [...rows, ...instead];
}

/** `about $0.60 and 10m 00s, at most $2.00 in 9 of 10; 8 of 10 succeed`. */
function expected({ cost, durationMs, success }: StoredEstimate): string {
  const time = formatDuration(durationMs.p50);
  const most = cost.p90 > cost.p50 ? `, at most ${roughUsd(cost.p90)} in 9 of 10` : '';
  const money = cost.p90 === 0 ? `nothing more to pay, about ${time}` : `about ${roughUsd(cost.p50)} and ${time}${most}`;
  return `${money}; ${Math.round(success * 10)} of 10 succeed`;
}

function outcome({ state, cost, startedAt, endedAt, failure }: StoredDecision, now: number): string {
  const spent = cost === null ? 'no cost known' : formatUsd(cost);
  const took = startedAt === null ? 'not begun' : formatDuration(Math.max(0, (endedAt ?? now) - startedAt));
  return `${state}: ${spent}, ${took}${endedAt === null ? ' so far' : ''}${failure ? ` (${failure.message})` : ''}`;
}
