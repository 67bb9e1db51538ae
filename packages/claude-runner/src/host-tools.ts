import type { Options } from '@anthropic-ai/claude-agent-sdk';
import type { HostTool, HostTools } from 'cyrus-executor-interface/executor';
import { z } from 'zod';

type Servers = NonNullable<Options['mcpServers']>;

/** In-process MCP servers for the tools that this process carries out: their calls come over the agent's stdio, so nothing but the call is in its reach. */
export async function hostToolServers(all: readonly HostTools[]): Promise<Servers> {
  if (all.length === 0) return {};
  const { createSdkMcpServer, tool } = await import('@anthropic-ai/claude-agent-sdk');
  const asTool = (one: HostTool): ReturnType<typeof tool> =>
    tool(
      one.name,
      one.description,
      Object.fromEntries(Object.entries(one.parameters).map(([name, parameter]) => [name, shapeOf(parameter)])),
      async (input) => {
        const { text, isError } = await answered(one, input);
        return { content: [{ type: 'text', text }], ...(isError ? { isError } : {}) };
      },
      { annotations: { readOnlyHint: one.reads, destructiveHint: false, openWorldHint: true } },
    );
  return Object.fromEntries(
    all.map(({ name, tools }) => [name, createSdkMcpServer({ name, version: '1.0.0', alwaysLoad: true, tools: tools.map(asTool) })]),
  );
}

function shapeOf({ description, optional, oneOf }: HostTool['parameters'][string]): z.ZodType {
  const [first, ...more] = oneOf ?? [];
  const shape = first === undefined ? z.string() : z.enum([first, ...more]);
  return (optional ? shape.optional() : shape).describe(description);
}

async function answered(one: HostTool, input: Readonly<Record<string, unknown>>): Promise<{ text: string; isError?: boolean }> {
  const texts = Object.entries(input).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  try {
    return await one.call(Object.fromEntries(texts));
  } catch (error) {
    return { text: `It could not be done: ${error instanceof Error ? error.message : String(error)}`, isError: true };
  }
}
