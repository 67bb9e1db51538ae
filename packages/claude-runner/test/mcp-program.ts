/** The text of a Node program that is an MCP server over stdin and stdout, with one tool, `say`: it answers what `answer` (an expression) is. */
export const mcpProgram = (answer: string): string => `import { createInterface } from 'node:readline';
const tools = [{ name: 'say', description: 'Says it', inputSchema: { type: 'object', properties: { words: { type: 'string' } } } }];
const results = {
  initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'test', version: '1' } }),
  'tools/list': () => ({ tools }),
  'tools/call': async ({ arguments: input }) => ({ content: [{ type: 'text', text: String(${answer}) }] }),
  ping: () => ({}),
};
createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const result = await results[method]?.(params);
  const answer = result === undefined ? { error: { code: -32601, message: 'no such method' } } : { result };
  process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, ...answer }) + '\\n');
});
`;
