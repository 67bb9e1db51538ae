import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

/** What every command in a sandbox gets so that it finds its tools: no secret, nothing of the service's own environment. */
export interface ToolEnvironment {
  readonly env: Readonly<Record<string, string>>;
  /** Host paths that hold the tools, beside the system's. */
  readonly readable: readonly string[];
}

const systemPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * The system's tools and the Node this service runs on (which may lie in a home directory that a sandbox does not show).
 * @param readable more host paths that the configuration shows to agents; their `bin` counts, too
 */
export function toolEnvironment(readable: readonly string[], nodePath: string = process.execPath): ToolEnvironment {
  const shown = readable.filter((path) => existsSync(path));
  const nodeHome = dirname(dirname(nodePath));
  const ofSystem = nodeHome === '/' || nodeHome === '/usr' || nodeHome === '/usr/local';
  const homes = ofSystem ? shown : [...shown, nodeHome];
  const path = [...homes.map((home) => `${home}/bin`).filter((directory) => existsSync(directory)), ...systemPath];
  return {
    env: { PATH: [...new Set(path)].join(':'), LANG: 'C.UTF-8', TZ: 'UTC', TERM: 'dumb', CI: 'true', NO_COLOR: '1' },
    readable: [...new Set(homes)],
  };
}
