import { z } from 'zod';
import { type Procedure, procedures } from '../domain/plan.ts';
import { dollars, filled } from './pieces.ts';

export const strategies = ['local-only', 'cloud-only', 'hybrid-smart', 'hybrid-parallel', 'cost-optimized'] as const;
export type Strategy = (typeof strategies)[number];
export const strategy: z.ZodType<Strategy> = z.enum(strategies);

/** What `cost-optimized` weighs a dearer executor by. */
export interface StrategyOptionsConfig {
  /** What each dollar more has to bring, in dollars. */
  readonly minReturn: number;
  /** US dollars. */
  readonly valuePerHourUsd: number;
}
export const strategyOptions: z.ZodType<StrategyOptionsConfig> = z.object({
  minReturn: z.number().min(0).max(1000).default(1).describe('cost-optimized: what each dollar more has to bring, in dollars'),
  valuePerHourUsd: dollars.default(10).describe('cost-optimized: what an hour less of waiting is worth, in US dollars'),
});

const oneOrMore = <T>(of: z.ZodType<T>): z.ZodType<T | T[]> => z.union([of, z.array(of).min(1)]);
const type: z.ZodType<Procedure> = z.enum(procedures);
type Complexity = 'low' | 'medium' | 'high';
const complexity: z.ZodType<Complexity> = z.enum(['low', 'medium', 'high']);
type Urgency = 'low' | 'normal' | 'high';
const urgency: z.ZodType<Urgency> = z.enum(['low', 'normal', 'high']);
type Context = 'local-only' | 'cloud-accessible' | 'any';
const context: z.ZodType<Context> = z.enum(['local-only', 'cloud-accessible', 'any']);
const range: z.ZodType<Range> = z.object({ min: z.number().min(0).exactOptional(), max: z.number().min(0).exactOptional() });

export interface Range {
  readonly min?: number;
  readonly max?: number;
}

type OneOrMore<T> = T | readonly T[];

/** Everything that is named has to be so; of several values, one. */
export interface RuleCondition {
  readonly type?: OneOrMore<Procedure>;
  readonly complexity?: OneOrMore<Complexity>;
  readonly urgency?: OneOrMore<Urgency>;
  /** The issue has one of them. */
  readonly labels?: OneOrMore<string>;
  readonly repository?: OneOrMore<string>;
  readonly requiresContext?: OneOrMore<Context>;
  readonly requiresIsolation?: boolean;
  readonly requiresParallelExecution?: boolean;
  readonly estimatedCostUsd?: Range;
  readonly estimatedMinutes?: Range;
}
const conditionShape = {
  type: oneOrMore(type).exactOptional(),
  complexity: oneOrMore(complexity).exactOptional(),
  urgency: oneOrMore(urgency).exactOptional(),
  labels: oneOrMore(filled).exactOptional().describe('The issue has one of these labels'),
  repository: oneOrMore(filled).exactOptional().describe('Ids of repositories'),
  requiresContext: oneOrMore(context).exactOptional(),
  requiresIsolation: z.boolean().exactOptional(),
  requiresParallelExecution: z.boolean().exactOptional(),
  estimatedCostUsd: range.exactOptional().describe('What the work is expected to cost at list prices'),
  estimatedMinutes: range.exactOptional(),
} as const;
const condition: z.ZodType<RuleCondition> = z.object(conditionShape);
/** What a condition may name. */
export const conditionKeys: readonly string[] = Object.keys(conditionShape);

export interface OrchestrationRule {
  readonly when: RuleCondition;
  /** Executor ids, `local` or `cloud`, the first one first. */
  readonly use: OneOrMore<string>;
  /** True: nothing else gets such work; it waits. */
  readonly only?: boolean;
  readonly reason?: string;
}
const rule: z.ZodType<OrchestrationRule> = z.object({
  when: condition.default({}),
  use: oneOrMore(filled).describe("Executor ids, 'local' or 'cloud'; the first one first"),
  only: z.boolean().exactOptional().describe('Nothing else gets such work: it waits'),
  reason: filled.exactOptional().describe('Shown where the choice is explained'),
});

/** Rules of the user's own, before the strategy; with `primary`, an order in its place. */
export interface OrchestrationStrategyConfig {
  readonly primary?: string;
  readonly fallback?: readonly string[];
  readonly rules?: readonly OrchestrationRule[];
}
export const orchestrationStrategy: z.ZodType<OrchestrationStrategyConfig> = z.object({
  primary: filled.exactOptional().describe("An executor's id, 'local' or 'cloud'. Present: takes the place of `strategy`"),
  fallback: z.array(filled).exactOptional().describe('What gets the work that the primary cannot take, in order'),
  rules: z.array(rule).exactOptional().describe('Looked at first, in order: the first whose `when` is so decides'),
});

/** A cheap model has a look at each new issue; what it says refines what is told from the issue by rules. */
export interface AnalysisConfig {
  readonly model: string;
  /** US dollars, of one issue. What may cost more is not asked. */
  readonly maxCostUsd: number;
}
export const analysis: z.ZodType<AnalysisConfig> = z.object({
  model: filled.describe('Asked through claude.apiUrl with claude.apiKey'),
  maxCostUsd: dollars.default(0.02).describe('US dollars, of one issue. What may cost more is not asked'),
});
