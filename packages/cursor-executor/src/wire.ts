/**
 * What is read of Cursor's answers; everything else is ignored, and what may be absent is optional.
 * @see https://cursor.com/docs/cloud-agent/api/endpoints (Cloud Agents API v1)
 */
import { z } from 'zod';

export interface Run {
  readonly id: string;
  /** Upper case; an open set. */
  readonly status: string;
  readonly result?: string;
  /** The state of the agent, the same for all of its runs. */
  readonly git?: { readonly branches: readonly { readonly branch?: string; readonly prUrl?: string }[] };
}
export const run: z.ZodType<Run> = z.object({
  id: z.string(),
  status: z.string(),
  result: z.string().exactOptional(),
  git: z.object({ branches: z.array(z.object({ branch: z.string().exactOptional(), prUrl: z.string().exactOptional() })) }).exactOptional(),
});

export interface Agent {
  readonly id: string;
  readonly name?: string;
  /** ISO 8601. */
  readonly createdAt: string;
}
export const agent: z.ZodType<Agent> = z.object({ id: z.string(), name: z.string().exactOptional(), createdAt: z.string() });

export const created: z.ZodType<{ readonly agent: Agent }> = z.object({ agent });
export const createdRun: z.ZodType<{ readonly run: Run }> = z.object({ run });

export interface Page<T> {
  readonly items: readonly T[];
  /** Absent: there is no more. */
  readonly nextCursor?: string;
}
export const runs: z.ZodType<Page<Run>> = z.object({ items: z.array(run), nextCursor: z.string().exactOptional() });
export const agents: z.ZodType<Page<Agent>> = z.object({ items: z.array(agent), nextCursor: z.string().exactOptional() });

/** Whose key it is. Keys of a team have no person. */
export interface Me {
  readonly apiKeyName: string;
  readonly userEmail?: string;
}
export const me: z.ZodType<Me> = z.object({ apiKeyName: z.string(), userEmail: z.string().exactOptional() });

export const models: z.ZodType<{ readonly items: readonly { readonly id: string; readonly aliases?: readonly string[] }[] }> = z.object({
  items: z.array(z.object({ id: z.string(), aliases: z.array(z.string()).exactOptional() })),
});

export interface RunUsage {
  readonly id: string;
  readonly usage?: {
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly cacheReadTokens: number;
    readonly cacheWriteTokens: number;
  };
  /** In cents, with fractions. Comes after the tokens, and is absent on some accounts. */
  readonly cost?: { readonly rawCostCents?: number; readonly chargedCents?: number };
}
const count = z.number().default(0);
const usageOfRun: z.ZodType<RunUsage> = z.object({
  id: z.string(),
  usage: z.object({ inputTokens: count, outputTokens: count, cacheReadTokens: count, cacheWriteTokens: count }).exactOptional(),
  cost: z.object({ rawCostCents: z.number().exactOptional(), chargedCents: z.number().exactOptional() }).exactOptional(),
});
export const usage: z.ZodType<{ readonly runs: readonly RunUsage[] }> = z.object({ runs: z.array(usageOfRun).default([]) });

export const refusal: z.ZodType<{ readonly error: { readonly code: string; readonly message: string } }> = z.object({
  error: z.object({ code: z.string().default(''), message: z.string().default('') }),
});

export const textFrame: z.ZodType<{ readonly text: string }> = z.object({ text: z.string() });

export interface ToolFrame {
  readonly callId: string;
  readonly name: string;
  /** `running` or `completed`. */
  readonly status: string;
  /** Neither has a fixed shape. */
  readonly args?: unknown;
  readonly result?: unknown;
}
export const toolFrame: z.ZodType<ToolFrame> = z.object({
  callId: z.string(),
  name: z.string(),
  status: z.string(),
  args: z.unknown(),
  result: z.unknown(),
});

export const resultFrame: z.ZodType<{ readonly status: string; readonly text?: string }> = z.object({
  status: z.string(),
  text: z.string().exactOptional(),
});

export const userMessageFrame: z.ZodType<{ readonly userMessage: { readonly text: string } }> = z.object({
  type: z.literal('user-message-appended'),
  userMessage: z.object({ text: z.string() }),
});
