import { resolve } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { megabytes, backup as writeBackup } from 'cyrus-edge-worker/backup/backup';
import { secretsOf } from 'cyrus-edge-worker/secrets';
import { createKnownSecretsMask } from 'cyrus-edge-worker/supervisor/redact';
import type { CommandContext } from '../context.ts';
import { withStore } from '../open-home.ts';
import { version } from '../version.ts';

/** `cyrus backup FILE`: everything that cannot be had again, in one file, while the service runs. */
export async function backup(
  { home, config, terminal }: CommandContext,
  file: string,
  options: { readonly json?: boolean },
): Promise<void> {
  const target = resolve(file);
  const summary = await withStore(home, config(), ({ db }) =>
    writeBackup({
      home: home.directory,
      configFile: home.configFile,
      connection: db.connection,
      file: target,
      version,
      clock: systemClock,
      mask: createKnownSecretsMask(secretsOf(config())),
      onProgress: (line) => terminal.err(line),
    }),
  );
  if (summary.left.length > 0) terminal.err(`not in it, keep these elsewhere: ${summary.left.join(', ')}`);
  if (options.json) terminal.out(JSON.stringify({ file: target, ...summary }));
  else terminal.out(`${target}: ${megabytes(summary.bytes)}`);
}
