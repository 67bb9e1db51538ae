import type { ExecutorFacts } from './executor-facts.ts';
import type { Complexity, TaskAnalysis } from './task-analysis.ts';

/** Half of such runs stay below `p50`, nine of ten below `p90`. */
export interface Spread {
  readonly p50: number;
  readonly p90: number;
}

/** What an attempt is expected to take and to bring. */
export interface Estimate {
  /** Micro-dollars. */
  readonly cost: Spread;
  readonly durationMs: Spread;
  /** How many of a hundred such attempts succeed, between 0 and 1. */
  readonly success: number;
  /** Where it is from, in words: "like 12 finished tasks of this repository". */
  readonly from: string;
}

/** Finished attempts of one repository on one executor with work of one size, summed up. */
export interface PastRuns {
  readonly repositoryId: string;
  readonly executorId: string;
  readonly complexity: Complexity;
  readonly runs: number;
  readonly succeeded: number;
  /** Null: none was priced. */
  readonly cost: Spread | null;
  readonly durationMs: Spread;
}

const minute = 60_000;
/** What is assumed where nothing is known: of coding agents on issues of a few lines, a screen, and a page. */
const prior: Readonly<Record<Complexity, { readonly cost: Spread; readonly durationMs: Spread }>> = {
  low: { cost: { p50: 150_000, p90: 600_000 }, durationMs: { p50: 4 * minute, p90: 12 * minute } },
  medium: { cost: { p50: 600_000, p90: 2_000_000 }, durationMs: { p50: 10 * minute, p90: 30 * minute } },
  high: { cost: { p50: 2_000_000, p90: 5_000_000 }, durationMs: { p50: 25 * minute, p90: 60 * minute } },
};
/** A cloud run begins with a machine and a clone of its own. */
const cloudStartMs = minute;
/** The prior weighs as much as this many finished runs. */
const priorWeight = 3;
const priorSuccess = 0.8;

/** What an attempt of the task on the executor is expected to take: the past of the repository, and where there is little, a prior. Pure. */
export function estimateAttempt(
  analysis: Pick<TaskAnalysis, 'complexity'>,
  executor: Pick<ExecutorFacts, 'id' | 'kind' | 'costPerRun' | 'included'>,
  past: readonly PastRuns[],
): Estimate {
  const known = past.find((one) => one.executorId === executor.id && one.complexity === analysis.complexity);
  const usual = prior[analysis.complexity];
  const start = executor.kind === 'cloud' ? cloudStartMs : 0;
  const runs = known?.runs ?? 0;
  const { costPerRun } = executor;
  const assumed = costPerRun === null ? usual.cost : { p50: costPerRun, p90: costPerRun };
  return {
    cost: executor.included ? { p50: 0, p90: 0 } : blend(known?.cost ?? null, assumed, runs),
    durationMs: blend(known?.durationMs ?? null, { p50: usual.durationMs.p50 + start, p90: usual.durationMs.p90 + start }, runs),
    success: Math.round((((known?.succeeded ?? 0) + priorSuccess * priorWeight) / (runs + priorWeight)) * 1000) / 1000,
    from: runs === 0 ? `usual for work of ${sizeWord[analysis.complexity]} size` : `like ${runs} finished here before`,
  };
}

/** What the work itself is expected to cost and take at list prices, wherever it runs: what rules look at. */
export function estimateTask(analysis: Pick<TaskAnalysis, 'complexity'>, past: readonly PastRuns[]): Pick<Estimate, 'cost' | 'durationMs'> {
  const like = past.filter((one) => one.complexity === analysis.complexity);
  const most = like.reduce<PastRuns | undefined>((best, one) => (best && best.runs >= one.runs ? best : one), undefined);
  const usual = prior[analysis.complexity];
  return {
    cost: blend(most?.cost ?? null, usual.cost, most?.runs ?? 0),
    durationMs: blend(most?.durationMs ?? null, usual.durationMs, most?.runs ?? 0),
  };
}

const sizeWord: Readonly<Record<Complexity, string>> = { low: 'small', medium: 'medium', high: 'large' };

function blend(known: Spread | null, usual: Spread, runs: number): Spread {
  if (known === null || runs === 0) return usual;
  const between = (a: number, b: number): number => Math.round((a * runs + b * priorWeight) / (runs + priorWeight));
  const p50 = between(known.p50, usual.p50);
  return { p50, p90: Math.max(p50, between(known.p90, usual.p90)) };
}
