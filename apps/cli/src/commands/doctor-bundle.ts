import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { systemClock } from 'cyrus-core/clock';
import { collectBundle } from '../bundle/collect.ts';
import { tarOf } from '../bundle/tar.ts';
import { CliError } from '../cli-error.ts';
import { readConfiguration } from '../configuration.ts';
import type { CommandContext } from '../context.ts';
import type { Finding } from '../doctor/finding.ts';
import { findings } from '../doctor/findings.ts';

/** `cyrus doctor --bundle [FILE]`: writes what somebody who helps needs into one file. Sends nothing. */
export async function doctorBundle(
  context: CommandContext,
  options: { readonly file?: string; readonly withText: boolean; readonly json: boolean },
): Promise<void> {
  const { home, environment, terminal } = context;
  const found: Finding[] = [];
  for await (const finding of findings(context)) found.push(finding);
  const read = readConfiguration(home.configFile, environment);
  const config = read.ok ? read.value.config : undefined;
  const hasDatabase = config?.database !== undefined || existsSync(join(home.directory, 'database-password'));
  const entries = await collectBundle({ home, config, environment, findings: found, hasDatabase, withText: options.withText });
  const now = systemClock.now();
  const file = resolve(options.file ?? `cyrus-support-${new Date(now).toISOString().slice(0, 19).replaceAll(/[:T]/g, '-')}.tar.gz`);
  try {
    await writeFile(file, await promisify(gzip)(tarOf(entries, now)), { mode: 0o600 });
  } catch (error) {
    throw new CliError(`${file} cannot be written: ${(error as Error).message}`, {
      fix: 'Name another file: cyrus doctor --bundle /path/to/file.tar.gz',
    });
  }
  const names = entries.map(({ name }) => name);
  if (options.json) return terminal.out(JSON.stringify({ file, entries: names }));
  terminal.out(`Written: ${file}`);
  for (const name of names) terminal.out(`  ${name}`);
  terminal.out(
    options.withText
      ? 'Secrets are masked. Texts of issues and what agents wrote are in it. Nothing was sent anywhere.'
      : 'Secrets are masked, and no text of issues, prompts or code is in it. Nothing was sent anywhere.',
  );
}
