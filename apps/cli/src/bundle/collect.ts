import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from 'cyrus-core/config/schema';
import { secretsOf } from 'cyrus-edge-worker/secrets';
import { createRedact } from 'cyrus-edge-worker/supervisor/redact';
import { readSupportFacts, readSupportTexts } from 'cyrus-store/queries/support-read';
import type { Finding } from '../doctor/finding.ts';
import type { Home } from '../home.ts';
import { asCliError } from '../known-errors.ts';
import { withStore } from '../open-home.ts';
import { readTail, shortenLines } from './log-tail.ts';
import { machineFacts } from './machine.ts';
import { maskConfig } from './mask-config.ts';
import type { Entry } from './tar.ts';

export interface BundleOptions {
  readonly home: Home;
  /** Undefined when it cannot be read: then there is no database to open either. */
  readonly config: Config | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly findings: readonly Finding[];
  /** A database was made here. */
  readonly hasDatabase: boolean;
  /** Whether issues, prompts and what agents wrote may be in it. */
  readonly withText: boolean;
}

/** The files of a support bundle; no secret in any of them. */
export async function collectBundle(options: BundleOptions): Promise<readonly Entry[]> {
  const { home, config, environment, withText } = options;
  const logs = join(home.directory, 'logs');
  const [log, serverLog, database] = await Promise.all([
    readTail(join(logs, 'cyrus.log')),
    readTail(join(logs, 'postgres.log')),
    readDatabase(options),
  ]);
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  const entries: readonly Entry[] = [
    { name: 'README.txt', content: readme(withText) },
    { name: 'findings.json', content: json(options.findings) },
    { name: 'machine.json', content: json(machineFacts(environment)) },
    { name: 'config.json', content: json(await maskedConfig(home.configFile)) },
    { name: 'database.json', content: json(database.facts) },
    { name: 'logs/cyrus.log', content: withText ? log : shortenLines(log) },
    { name: 'logs/postgres.log', content: withText ? serverLog : shortenLines(serverLog) },
    ...(database.texts ? [{ name: 'texts.json', content: json(database.texts) }] : []),
  ];
  const redact = createRedact([...secretsIn(environment), ...(config ? secretsOf(config) : []), ...(await passwordOf(home))]);
  return entries.map(({ name, content }) => ({ name: `cyrus-support/${name}`, content: redact(content) }));
}

async function readDatabase({
  home,
  config,
  hasDatabase,
  withText,
}: BundleOptions): Promise<{ readonly facts: unknown; readonly texts?: readonly object[] }> {
  if (!config || !hasDatabase) return { facts: { none: config ? 'no database was made here yet' : 'the configuration cannot be read' } };
  try {
    return await withStore(home, config, async ({ db, description }) => ({
      facts: { description, ...(await readSupportFacts(db)) },
      ...(withText ? { texts: await readSupportTexts(db) } : {}),
    }));
  } catch (cause) {
    return { facts: { error: asCliError(cause)?.message ?? String(cause) } };
  }
}

async function maskedConfig(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => error.code ?? String(error));
  try {
    return maskConfig(JSON.parse(text.replace(/^\uFEFF/, '')));
  } catch {
    // What is no JSON cannot be masked.
    return { unreadable: 'not there, or no JSON: see findings.json' };
  }
}

/** Values of variables that are secrets by their names. */
function secretsIn(environment: NodeJS.ProcessEnv): readonly string[] {
  return Object.entries(environment).flatMap(([name, value]) =>
    /TOKEN|SECRET|KEY|PASSWORD|DATABASE_URL/i.test(name) && value ? [value] : [],
  );
}

async function passwordOf(home: Home): Promise<readonly string[]> {
  const text = await readFile(join(home.directory, 'database-password'), 'utf8').catch(() => '');
  return text.trim() === '' ? [] : [text.trim()];
}

function readme(withText: boolean): string {
  return `A support bundle of Cyrus. It was written to this machine and sent nowhere: look through it, and hand it over yourself.

findings.json      what cyrus doctor found
machine.json       versions, memory, load; of the environment only which names are set
config.json        the configuration, with every secret as ***
database.json      schema version, how many rows in which state, the last failures and decisions
logs/              the ends of the logs, secrets masked${withText ? '' : ', long values cut'}
${
  withText
    ? 'texts.json         issues, messages, prompts and what agents did in the newest ten plans: you asked for it with --with-text'
    : 'Not in it: texts of issues, messages, prompts, code. --with-text adds those of the newest ten plans.'
}
`;
}
