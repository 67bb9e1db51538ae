import { open } from 'node:fs/promises';

const tailBytes = 256 * 1024;
/** What a field of a log line may be long without being a text of somebody's. */
const fieldLength = 300;

/** The last lines of a file; empty without one. */
export async function readTail(file: string): Promise<string> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (!handle) return '';
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(size, tailBytes)), 0, Math.min(size, tailBytes), start);
    const text = buffer.subarray(0, bytesRead).toString('utf8');
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    await handle.close();
  }
}

/** Log lines with every long value cut short: what a line is about stays, what somebody wrote does not. */
export function shortenLines(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      try {
        return JSON.stringify(JSON.parse(line), (_key, value: unknown) =>
          typeof value === 'string' && value.length > fieldLength ? `${value.slice(0, fieldLength)}…` : value,
        );
      } catch {
        return line.slice(0, fieldLength);
      }
    })
    .join('\n');
}
