import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

function canIsolate(): boolean {
  const bubblewrap = (process.env['PATH'] ?? '')
    .split(':')
    .map((directory) => join(directory, 'bwrap'))
    .find((file) => existsSync(file));
  if (bubblewrap === undefined) return false;
  try {
    execFileSync(bubblewrap, ['--ro-bind', '/', '/', '--unshare-pid', '--proc', '/proc', '--dev', '/dev', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** True where agents cannot be isolated. `CYRUS_NO_SKIP=1` turns what would be skipped into a failure. */
export const skipUnisolated: boolean = !canIsolate() && process.env['CYRUS_NO_SKIP'] !== '1';
