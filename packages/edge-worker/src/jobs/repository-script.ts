import { join } from 'node:path';
import type { Mirror } from 'cyrus-checkouts/mirror';
import { readTreeFiles } from './tree-files.ts';

/** Scripts that a repository brings along for when the configuration names no command. */
export type ScriptName = 'cyrus-setup.sh' | 'cyrus-teardown.sh';

/** Larger ones do not fit into an argument. */
const maxBytes = 100 * 1024;

/** The text of a script at the top of a commit; undefined: there is none. */
export async function readScript(mirror: Mirror, baseSha: string, name: ScriptName): Promise<string | undefined> {
  const found = (await readTreeFiles(mirror, baseSha, [name])).get(name)?.content;
  return found === undefined || Buffer.byteLength(found) > maxBytes ? undefined : found;
}

/** Arguments of /bin/sh that run a command line. */
export const commandArguments = (command: string): readonly string[] => ['-c', command];

/** Arguments of /bin/sh that run the text of a script as if it stood in the checkout under its name, whatever stands there now. */
export function scriptArguments(directory: string, name: ScriptName, text: string): readonly string[] {
  const run = 'if command -v bash >/dev/null; then exec bash -c "$1" "$0"; else exec /bin/sh -c "$1" "$0"; fi';
  return ['-c', run, join(directory, name), text];
}
