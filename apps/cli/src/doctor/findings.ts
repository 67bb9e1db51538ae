import { systemClock } from 'cyrus-core/clock';
import { formatConfigErrors } from 'cyrus-core/config/parse';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { readConfiguration } from '../configuration.ts';
import type { CommandContext } from '../context.ts';
import { isolationOf } from '../isolation.ts';
import type { Check, ConfiguredPatient, Patient } from './check.ts';
import { budgetsCheck } from './checks/budgets.ts';
import { checkCommandsCheck } from './checks/check-commands.ts';
import { clockCheck } from './checks/clock.ts';
import { brokenConfiguration, configurationCheck } from './checks/configuration.ts';
import { databaseCheck } from './checks/database.ts';
import { diskCheck } from './checks/disk.ts';
import { egressCheck } from './checks/egress.ts';
import { executorsCheck } from './checks/executors.ts';
import { gitCheck } from './checks/git.ts';
import { githubCheck } from './checks/github.ts';
import { homeCheck } from './checks/home.ts';
import { isolationCheck } from './checks/isolation.ts';
import { linearCheck } from './checks/linear.ts';
import { mcpCheck } from './checks/mcp.ts';
import { memoryCheck } from './checks/memory.ts';
import { modelCheck } from './checks/model.ts';
import { networkCheck } from './checks/network.ts';
import { nodeCheck } from './checks/node.ts';
import { openFilesCheck } from './checks/open-files.ts';
import { promptsCheck } from './checks/prompts.ts';
import { pullRequestChecksCheck } from './checks/pull-request-checks.ts';
import { queuesCheck } from './checks/queues.ts';
import { remotesCheck } from './checks/remotes.ts';
import { repositoriesCheck } from './checks/repositories.ts';
import { serviceCheck } from './checks/service.ts';
import { temporaryCheck } from './checks/temporary.ts';
import { webhooksCheck } from './checks/webhooks.ts';
import { type DatabaseFacts, readDatabase } from './database-facts.ts';
import type { Finding } from './finding.ts';
import { runChecks } from './run-checks.ts';

const withinMs = 25_000;

/** What is looked at on every machine. */
const ofMachine: readonly Check[] = [nodeCheck, gitCheck, homeCheck, temporaryCheck, openFilesCheck];

/** What needs a configuration to be judged; in the order in which a person mends things. */
const ofConfiguration: readonly Check<ConfiguredPatient>[] = [
  ...[configurationCheck, isolationCheck, memoryCheck, diskCheck, networkCheck, egressCheck, clockCheck],
  ...[databaseCheck, serviceCheck],
  ...[repositoriesCheck, remotesCheck, githubCheck, pullRequestChecksCheck, linearCheck, webhooksCheck],
  ...[executorsCheck, budgetsCheck, modelCheck, checkCommandsCheck, mcpCheck, promptsCheck, queuesCheck],
];

/** Looks at everything, all at once, and gives what was found in the order in which a person mends things. Changes nothing. */
export async function* findings({ home, environment }: CommandContext): AsyncGenerator<Finding> {
  const over = new AbortController();
  const patient: Patient = { home, environment, clock: systemClock, signal: over.signal };
  try {
    const limits = { withinMs, clock: systemClock };
    const read = readConfiguration(home.configFile, environment);
    if (!read.ok) {
      yield* runChecks(ofMachine, patient, limits);
      yield brokenConfiguration(typeof read.error === 'string' ? read.error : formatConfigErrors(read.error, home.configFile));
      return;
    }
    const { config, warnings } = read.value;
    const isolation = once(() => isolationOf(config));
    const configured: ConfiguredPatient = {
      ...patient,
      config,
      isolation,
      warnings,
      sandbox: once(async () => createSandbox({ ...(await isolation()), clock: systemClock })),
      database: once((): Promise<DatabaseFacts> => readDatabase(home, config)),
    };
    yield* runChecks([...ofMachine, ...ofConfiguration], configured, limits);
  } finally {
    over.abort();
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
