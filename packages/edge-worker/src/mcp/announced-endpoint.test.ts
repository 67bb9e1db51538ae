import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { announcedAt } from './announced-endpoint.ts';

const server = new URL('https://mcp.example.com/sse?key=s');
async function through(...chunks: readonly string[]): Promise<string> {
  const stream = announcedAt(server, (path) => `/inside${path}`);
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return text(stream);
}

test.each<[string, readonly string[], string]>([
  ['a path', ['event: endpoint\ndata: /messages?id=1\n\n'], 'event: endpoint\ndata: /inside/messages?id=1\n\n'],
  ['a whole address', ['event: endpoint\ndata: https://mcp.example.com/m\n\n'], 'event: endpoint\ndata: /inside/m\n\n'],
  ['an address beside it', ['event:endpoint\ndata:m?id=1\n\n'], 'event: endpoint\ndata: /inside/m?id=1\n\n'],
  ['in pieces', ['event: endp', 'oint\r\ndata: /m\r', '\n\r', '\nevent: x\n\n'], 'event: endpoint\ndata: /inside/m\n\nevent: x\n\n'],
  ['after a comment', [': hello\n\nevent: endpoint\ndata: /m\n\n'], ': hello\n\nevent: endpoint\ndata: /inside/m\n\n'],
  [
    'once',
    ['event: endpoint\ndata: /m\n\n', 'event: endpoint\ndata: /n\n\n'],
    'event: endpoint\ndata: /inside/m\n\nevent: endpoint\ndata: /n\n\n',
  ],
  ['nowhere', ['data: {}\n\ndata: ü'], 'data: {}\n\ndata: ü'],
])('%s', async (_what, chunks, expected) => {
  expect(await through(...chunks)).toBe(expected);
});

test.each([
  ['at another origin', 'event: endpoint\ndata: https://evil.example/m\n\n'],
  ['that is none', 'event: endpoint\ndata: http://[\n\n'],
  ['without an end', `: ${'x'.repeat(70_000)}`],
])('an address %s ends the stream', async (_what, chunk) => {
  await expect(through(chunk)).rejects.toThrow();
});
