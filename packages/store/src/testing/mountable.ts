import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

async function canMount(): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-mount-'));
  try {
    await run('mount', ['-t', 'tmpfs', 'tmpfs', directory]);
    await run('umount', [directory]);
    return true;
  } catch {
    return false;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** True where a test may mount file systems of its own: as root, on a host that lets root do it. */
export const mountable: boolean = await canMount();
