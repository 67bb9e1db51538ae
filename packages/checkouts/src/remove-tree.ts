import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Deletes a directory an agent has written in. Directories it made read only (module caches) are opened first; no link is followed. */
export async function removeTree(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENOTEMPTY') throw error;
    await openDirectories(directory);
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** What is gone in the meantime is no error: the deletion that failed goes on with the rest. */
async function openDirectories(directory: string): Promise<void> {
  const entry = await lstat(directory).catch(() => undefined);
  if (!entry?.isDirectory()) return;
  await chmod(directory, 0o700).catch(() => undefined);
  for (const child of await readdir(directory, { withFileTypes: true }).catch(() => [])) {
    if (child.isDirectory()) await openDirectories(join(directory, child.name));
  }
}
