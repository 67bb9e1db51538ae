import type { ExecutionEvent, ExecutionRequest } from 'cyrus-executor-interface/executor';
import { z } from 'zod';

/**
 * What a custom agent and Cyrus say to each other: one JSON object a line, UTF-8, over the command's stdin and stdout.
 *
 * Cyrus writes `start` once, then `message` for what a person says meanwhile, and `stop` right before it ends the command.
 * The command writes execution events. After `complete` it keeps reading until stdin ends: a message that crossed with it comes instead, and is
 * then acknowledged (`delivered`) and followed by another `complete`. What it prints on stderr is kept for diagnosis only.
 */
export const protocolVersion = 1;

const count = z.number().int().nonnegative();

const conversation = z.strictObject({
  id: z.uuid(),
  resume: z.boolean().describe('An earlier attempt of this conversation has run.'),
  directory: z.string().describe('Belongs to this conversation alone; the place for what is needed to go on with it.'),
});

const executionRequest = z.strictObject({
  prompt: z.string(),
  systemContext: z.string().optional(),
  conversation,
  workingDirectory: z.string(),
  readable: z.array(z.string()),
  filesDirectory: z.string().describe('One of `readable`: files of the issue, for the agent to look at.').optional(),
  model: z.string().optional(),
  fallbackModel: z.string().optional(),
  readOnly: z.boolean().describe('The working directory is not to be changed; with isolation it cannot be.').optional(),
  editable: z.array(z.string()).describe('Patterns of the only files to change.').optional(),
  allowedTools: z.array(z.string()).optional(),
  disallowedTools: z.array(z.string()).optional(),
  environmentVariables: z.record(z.string(), z.string()).optional(),
  mcpConfig: z.record(z.string(), z.unknown()).describe('MCP servers, {mcpServers: {NAME: …}} as in .mcp.json.').optional(),
  maxCost: count.describe('Micro-dollars.').optional(),
  maxTurns: count.optional(),
  timeoutMs: z.number().positive(),
});

const toCommandShape = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('start'), protocol: z.literal(protocolVersion), runId: z.string(), request: executionRequest }),
  z.strictObject({ type: z.literal('message'), id: count.describe('Comes back as `delivered`.'), text: z.string() }),
  z.strictObject({ type: z.literal('stop') }),
]);

/** What the command reads. */
export type ToCommand =
  | { readonly type: 'start'; readonly protocol: 1; readonly runId: string; readonly request: Omit<ExecutionRequest, 'hostTools'> }
  | { readonly type: 'message'; readonly id: number; readonly text: string }
  | { readonly type: 'stop' };

const failureClasses = [
  'network',
  'rate_limited',
  'quota_exhausted',
  'auth',
  'invalid_request',
  'timeout',
  'budget_exceeded',
  'sandbox_lost',
  'agent_failed',
  'no_evidence',
  'checks_failed',
  'setup_failed',
  'conflict',
  'missing_binary',
] as const;

const failure = z.strictObject({
  class: z.enum(failureClasses),
  message: z.string(),
  fix: z.string().optional(),
  retryAt: z.number().describe('Milliseconds since the Unix epoch.').optional(),
});

const usage = z
  .strictObject({
    model: z.string(),
    inputTokens: count,
    outputTokens: count,
    cacheReadTokens: count,
    cacheWriteTokens: count,
    cost: count.describe('Micro-dollars; absent: not priced.').optional(),
  })
  .describe('Of this report alone, never cumulative.');

const fromCommandShape = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('message'), content: z.string() }),
  z.strictObject({ type: z.literal('tool-use'), tool: z.string(), input: z.unknown(), id: z.string().optional() }),
  z.strictObject({ type: z.literal('tool-result'), id: z.string().optional(), output: z.string(), isError: z.boolean() }),
  z.strictObject({ type: z.literal('usage'), usage }),
  z.strictObject({ type: z.literal('needs-input'), question: z.string(), options: z.array(z.string()).optional() }),
  z.strictObject({ type: z.literal('delivered'), messageId: count }),
  z.strictObject({ type: z.literal('heartbeat') }),
  z.strictObject({ type: z.literal('error'), failure }),
  z.strictObject({
    type: z.literal('complete'),
    result: z.strictObject({
      state: z.enum(['succeeded', 'failed']),
      output: z.string(),
      failure: failure.optional(),
      turns: count.optional(),
      pullRequestUrl: z.string().optional(),
    }),
  }),
]);

/** Reads one thing the command wrote: an execution event, or what is wrong with it (`field: reason`). */
export function parseFromCommand(value: unknown): { readonly event: ExecutionEvent } | { readonly mistake: string } {
  const parsed = fromCommandShape.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { mistake: `${issue?.path.join('.') || 'type'}: ${issue?.message ?? 'wrong'}` };
  }
  const said = parsed.data;
  // The schema admits `undefined` where the event's type wants the field absent; JSON has no such value.
  if (said.type === 'usage') return { event: { type: 'usage', usage: { ...said.usage, trust: 'agent' } } as ExecutionEvent };
  return { event: said as ExecutionEvent };
}

/** The published JSON Schema (draft 2020-12) of both directions. */
export function protocolSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Cyrus custom executor protocol',
    description: 'One JSON object a line: `toCommand` on the stdin of the command, `fromCommand` on its stdout.',
    $defs: {
      toCommand: withoutSchemaName(z.toJSONSchema(toCommandShape)),
      fromCommand: withoutSchemaName(z.toJSONSchema(fromCommandShape)),
    },
    oneOf: [{ $ref: '#/$defs/toCommand' }, { $ref: '#/$defs/fromCommand' }],
  };
}

const withoutSchemaName = ({ $schema: _, ...schema }: { readonly $schema?: unknown }): object => schema;
