import { availableParallelism, freemem, loadavg, release, totalmem, uptime } from 'node:os';
import { constrainedMemory } from 'node:process';
import { environmentVariables } from 'cyrus-core/config/environment';
import { version } from '../version.ts';

const others = [
  'CYRUS_HOME',
  'CYRUS_STATE_DIR',
  'HTTPS_PROXY',
  'HTTP_PROXY',
  'NO_PROXY',
  'NODE_USE_ENV_PROXY',
  'NODE_OPTIONS',
  'NODE_EXTRA_CA_CERTS',
];

/** What this runs on. Of the environment only which names are set, and the locale. */
export function machineFacts(environment: NodeJS.ProcessEnv): object {
  const names = [...environmentVariables.map(({ name }) => name), ...others];
  return {
    cyrus: version,
    node: process.version,
    platform: `${process.platform} ${process.arch} ${release()}`,
    cores: availableParallelism(),
    memoryMb: { total: Math.floor(totalmem() / 1024 ** 2), free: Math.floor(freemem() / 1024 ** 2), limit: limitMb() },
    load: loadavg(),
    uptimeS: Math.floor(uptime()),
    uid: process.getuid?.(),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    locale: environment['LC_ALL'] ?? environment['LANG'] ?? null,
    set: names.filter((name) => environment[name]),
  };
}

function limitMb(): number | null {
  const limit = constrainedMemory() ?? 0;
  return limit > 0 && limit < totalmem() ? Math.floor(limit / 1024 ** 2) : null;
}
