// `cyrus start` with a clock that a test sets: `node --conditions=cyrus-source skewed-child.ts HOME FILE`, where FILE holds by
// how many milliseconds it is ahead.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { loadConfig } from '../../apps/cli/src/configuration.ts';
import { serve } from '../../apps/cli/src/serve.ts';
import { createTerminal } from '../../apps/cli/src/terminal.ts';

const [directory = '', file = ''] = process.argv.slice(2);
const home = { directory, configFile: join(directory, 'config.json') };
const config = loadConfig(home.configFile, process.env, createTerminal(process.env, process.stdout, process.stderr));
const serving = await serve(home, config, {
  http: true,
  onTakenOver: () => process.exit(1),
  clock: { now: () => systemClock.now() + Number(readFileSync(file, 'utf8')), sleep: systemClock.sleep },
});
const { address } = serving.service;
process.once('SIGTERM', () => void serving.end(0).then(() => process.exit(0)));
console.log(JSON.stringify({ ready: true, url: `http://${address?.host}:${address?.port}` }));
