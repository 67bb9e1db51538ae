import type { ExecutionEvent } from 'cyrus-executor-interface/executor';
import { parseFromCommand } from './protocol.ts';

const shown = 200;

/** Reads one line of a command: an event, or what is wrong with the line, which is quoted cut short. */
export function readLine(line: string): { readonly event: ExecutionEvent } | { readonly mistake: string } {
  const quoted = line.length > shown ? `${line.slice(0, shown)}…` : line;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { mistake: `is not JSON: ${quoted}` };
  }
  const parsed = parseFromCommand(value);
  return 'mistake' in parsed ? { mistake: `is not an event of the protocol (${parsed.mistake}): ${quoted}` } : parsed;
}
