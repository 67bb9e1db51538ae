import type {
  OrchestrationRule,
  OrchestrationStrategyConfig,
  RuleCondition,
  Strategy,
  StrategyOptionsConfig,
} from 'cyrus-core/config/strategies';
import { type MicroUsd, microUsd } from 'cyrus-core/money';
import type { Estimate } from './estimate.ts';
import type { ExecutorFacts } from './executor-facts.ts';
import type { TaskAnalysis } from './task-analysis.ts';

/** An executor's id, `local`, `cloud`, `any`, or `default`: the executor that the repository or the configuration names. */
export type Selector = string;

/** Work of this kind goes there, in this order. */
export interface StrategyRule {
  readonly when: RuleCondition;
  readonly use: readonly Selector[];
  /** Nothing else gets it. */
  readonly only?: boolean;
  /** For a person, short: `a small task stays here`. */
  readonly reason: string;
}

/** Where work goes: the user's own rules first, then a preset or the user's own order. */
export interface Policy {
  readonly name: string;
  readonly own: readonly StrategyRule[];
  readonly rules: readonly StrategyRule[];
  /** Among executors of equal rank: who is done first, or who is worth the money. */
  readonly by: 'finish' | 'value';
  /** What a dollar more has to bring, in dollars. */
  readonly minReturn: number;
  /** What an hour less of waiting is worth. */
  readonly valuePerHour: MicroUsd;
}

/** The strategies as rules: the first that fits decides. What is listed later gets the work only when nothing earlier can take it. */
const presets: Readonly<Record<Strategy, { readonly by: Policy['by']; readonly rules: readonly StrategyRule[] }>> = {
  'local-only': { by: 'finish', rules: [{ when: {}, use: ['local'], reason: 'local-only: work stays on this machine' }] },
  'cloud-only': { by: 'finish', rules: [{ when: {}, use: ['cloud'], reason: 'cloud-only: all work goes to the cloud' }] },
  'hybrid-smart': {
    by: 'finish',
    rules: [
      { when: { requiresContext: ['local-only'] }, use: ['local'], reason: 'hybrid-smart: it needs this machine' },
      { when: { type: ['orchestrator'] }, use: ['local', 'cloud'], reason: 'hybrid-smart: planning stays here' },
      { when: { complexity: ['low'] }, use: ['local', 'cloud'], reason: 'hybrid-smart: a small task stays here' },
      { when: { requiresIsolation: true }, use: ['cloud', 'local'], reason: 'hybrid-smart: isolated work goes to the cloud' },
      { when: { requiresParallelExecution: true }, use: ['cloud', 'local'], reason: 'hybrid-smart: work in parallel goes to the cloud' },
      { when: { type: ['builder', 'debugger'] }, use: ['cloud', 'local'], reason: 'hybrid-smart: larger changes go to the cloud' },
      { when: {}, use: ['local', 'cloud'], reason: 'hybrid-smart: reading and writing about code stays here' },
    ],
  },
  'hybrid-parallel': {
    by: 'finish',
    rules: [
      { when: { requiresContext: ['local-only'] }, use: ['local'], reason: 'hybrid-parallel: it needs this machine' },
      { when: { type: ['orchestrator'] }, use: ['local', 'cloud'], reason: 'hybrid-parallel: planning stays here' },
      { when: {}, use: ['cloud', 'local'], reason: 'hybrid-parallel: execution goes to the cloud' },
    ],
  },
  'cost-optimized': { by: 'value', rules: [{ when: {}, use: ['any'], reason: 'cost-optimized' }] },
};

/** The policy that a configuration asks for. Pure. */
export function policyOf(config: {
  readonly strategy: Strategy;
  readonly strategyOptions: StrategyOptionsConfig;
  readonly orchestrationStrategy?: OrchestrationStrategyConfig;
}): Policy {
  const { strategy, strategyOptions, orchestrationStrategy } = config;
  const own = (orchestrationStrategy?.rules ?? []).map(ownRule);
  const options = { minReturn: strategyOptions.minReturn, valuePerHour: microUsd(strategyOptions.valuePerHourUsd) };
  const listed = [orchestrationStrategy?.primary, ...(orchestrationStrategy?.fallback ?? [])].filter((name) => name !== undefined);
  if (orchestrationStrategy?.primary === undefined) return { name: strategy, own, ...presets[strategy], ...options };
  const order: StrategyRule = { when: {}, use: listed, reason: `orchestrationStrategy: ${listed.join(', then ')}` };
  return { name: 'orchestrationStrategy', own, rules: [order], by: 'finish', ...options };
}

const listOf = <T>(value: T | readonly T[] | undefined): readonly T[] | undefined =>
  value === undefined ? undefined : ((Array.isArray(value) ? value : [value]) as readonly T[]);

function ownRule(rule: OrchestrationRule, index: number): StrategyRule {
  return {
    when: rule.when,
    use: listOf(rule.use) ?? [],
    ...(rule.only === undefined ? {} : { only: rule.only }),
    reason: rule.reason ?? `rule ${index + 1} of orchestrationStrategy`,
  };
}

/** What a condition looks at. */
export interface RuleSubject {
  readonly analysis: TaskAnalysis;
  readonly repositoryId: string;
  /** Of the work itself, at list prices. */
  readonly estimate: Pick<Estimate, 'cost' | 'durationMs'>;
}

/** Whether everything that a condition names is so. */
export function fits(when: RuleCondition, { analysis, repositoryId, estimate }: RuleSubject): boolean {
  const among = (wanted: string | readonly string[] | undefined, is: string): boolean => listOf(wanted)?.includes(is) ?? true;
  const within = (range: { readonly min?: number; readonly max?: number } | undefined, value: number): boolean =>
    range === undefined || (value >= (range.min ?? 0) && value <= (range.max ?? Number.POSITIVE_INFINITY));
  const labels = listOf(when.labels)?.map((label) => label.toLowerCase());
  return (
    among(when.type, analysis.type) &&
    among(when.complexity, analysis.complexity) &&
    among(when.urgency, analysis.urgency) &&
    among(when.repository, repositoryId) &&
    among(when.requiresContext, analysis.requiresContext) &&
    (labels === undefined || analysis.labels.some((label) => labels.includes(label.toLowerCase()))) &&
    (when.requiresIsolation === undefined || when.requiresIsolation === analysis.requiresIsolation) &&
    (when.requiresParallelExecution === undefined || when.requiresParallelExecution === analysis.requiresParallelExecution) &&
    within(when.estimatedCostUsd, estimate.cost.p50 / 1_000_000) &&
    within(when.estimatedMinutes, estimate.durationMs.p50 / 60_000)
  );
}

/** Executors of equal rank, and why the work goes there. */
export interface Tier {
  readonly executors: readonly ExecutorFacts[];
  readonly reason: string;
}

/** Who may get the work, in order. An executor is named once, at its first place. */
export function tiersOf(
  policy: Policy,
  subject: RuleSubject,
  executors: readonly ExecutorFacts[],
  defaultExecutor: string,
): readonly Tier[] {
  const own = policy.own.find((rule) => fits(rule.when, subject));
  const rest = own?.only ? undefined : policy.rules.find((rule) => fits(rule.when, subject));
  const tiers: Tier[] = [];
  const seen = new Set<string>();
  for (const rule of [own, rest])
    for (const selector of rule?.use ?? [])
      for (const selected of select(selector, executors, defaultExecutor)) {
        const fresh = selected.filter(({ id }) => !seen.has(id));
        for (const { id } of fresh) seen.add(id);
        if (fresh.length > 0) tiers.push({ executors: fresh, reason: rule?.reason ?? policy.name });
      }
  return tiers;
}

/** The executors a selector means: the default one before others of its kind. */
function select(selector: Selector, executors: readonly ExecutorFacts[], defaultExecutor: string): readonly (readonly ExecutorFacts[])[] {
  if (selector === 'any') return [executors];
  if (selector === 'local' || selector === 'cloud') {
    const kind = executors.filter((executor) => executor.kind === selector);
    return [kind.filter(({ id }) => id === defaultExecutor), kind.filter(({ id }) => id !== defaultExecutor)];
  }
  const id = selector === 'default' ? defaultExecutor : selector;
  return [executors.filter((executor) => executor.id === id)];
}

/** How often an attempt is made until one succeeds. */
export const triesOf = ({ success }: Pick<Estimate, 'success'>): number => 1 / Math.max(0.05, success);

/** What an attempt is worth less what it costs, in micro-dollars: time and success at what an hour is worth, money at the return it has to bring. */
export function worth(policy: Pick<Policy, 'minReturn' | 'valuePerHour'>, estimate: Estimate, finishMs: number): number {
  // What does not succeed is done once more: it takes that much longer, and costs that much more.
  const tries = triesOf(estimate);
  return -((finishMs * tries) / 3_600_000) * policy.valuePerHour - estimate.cost.p50 * tries * policy.minReturn;
}
