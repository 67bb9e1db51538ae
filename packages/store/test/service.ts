/** A program that runs a server as a service would: prints what it got as JSON lines, stops on SIGTERM. */
import { systemClock } from 'cyrus-core/clock';
import { silentLog } from '../src/log.ts';
import { startEmbedded } from '../src/server/embedded.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as { home: string; stateDir: string; copies: string };
try {
  const server = await startEmbedded({ ...options, clock: systemClock, log: silentLog, initdbArguments: ['--no-sync'] });
  const { connection, dataDir, adopted } = server;
  console.log(JSON.stringify({ connection, dataDir, adopted, pid: server.pid() }));
  process.once('SIGTERM', () => {
    server.stop().then(() => process.exit(0));
  });
} catch (error) {
  console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
}
