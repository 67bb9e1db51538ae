import { execFileSync } from 'node:child_process';

function works(): boolean {
  try {
    execFileSync('bwrap', ['--ro-bind', '/', '/', '--unshare-pid', '--proc', '/proc', '--dev', '/dev', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Whether agents can be isolated here. `CYRUS_NO_SKIP=1` turns what would be skipped into a failure. */
export const canIsolate: boolean = works();
export const skipUnisolated: boolean = !canIsolate && process.env['CYRUS_NO_SKIP'] !== '1';
