/** A service with nothing but a supervisor, to be killed: `service.ts HOME DATABASE_JSON RUN_PREFIX`. Says `started` or why not. */
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { openDatabase } from 'cyrus-store/pool';
import { scriptedExecutors } from './agents.ts';
import { jobsFor } from './jobs.ts';
import { memoryLog, supervisorFor } from './supervisor.ts';

const [, , home = '', connection = '', runPrefix = ''] = process.argv;
const db = openDatabase({ connection: JSON.parse(connection), clock: systemClock, applicationName: 'service' });
const sandbox = createSandbox({ ...(await detectIsolation()), clock: systemClock });
const executors = scriptedExecutors(sandbox, runPrefix);
const { log, lines } = memoryLog();
const { runners } = await jobsFor({ home, db, sandbox, executors, runPrefix, config: {} });
const supervisor = supervisorFor(db, home, { runners, sandbox, runPrefix, log, spoolDirectory: join(home, 'logs', 'attempts') });
try {
  await supervisor.start();
  process.stdout.write('started\n');
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
process.on('SIGTERM', async () => {
  await supervisor.drain(200);
  await supervisor.close();
  await db.close();
  process.stderr.write(lines.join('\n'));
  process.exit(0);
});
