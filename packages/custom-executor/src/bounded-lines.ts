import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/**
 * The lines of a stream, without their ends. A line longer than `limit` characters is given as far as read, and is the last one: a command that
 * never ends a line must not fill the memory of the service.
 */
export async function* boundedLines(stream: Readable, limit: number): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk as Buffer)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > limit) break;
  }
  if (rest !== '') yield rest;
}
