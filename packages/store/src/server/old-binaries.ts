import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { platformPackage } from './binaries.ts';
import { layOut } from './layout.ts';

/** Younger ones may be on their way to be used. */
const settledMs = 24 * 3_600_000;

/**
 * Copies of database binaries that earlier versions of Cyrus used and no process runs any more. Where it cannot be seen what runs,
 * none.
 */
export async function oldBinaries(home: string, now: number, stateDir?: string): Promise<readonly string[]> {
  const running = await executables();
  const source = platformPackage();
  if (running === undefined || source === undefined) return [];
  const { version } = JSON.parse(await readFile(path.join(source, 'package.json'), 'utf8')) as { version: string };
  const { copies } = await layOut(home, stateDir ?? process.env['CYRUS_STATE_DIR'] ?? '/var/lib/cyrus');
  const root = await realpath(copies);
  const old: string[] = [];
  for (const name of await readdir(root)) {
    const directory = path.join(root, name);
    const info = await stat(directory).catch(() => undefined);
    if (name === version || !info?.isDirectory() || now - info.mtimeMs < settledMs) continue;
    if (!running.some((file) => file.startsWith(`${directory}/`))) old.push(directory);
  }
  return old;
}

/** What every process of the machine runs; undefined where that is not to be seen. */
async function executables(): Promise<readonly string[] | undefined> {
  const names = await readdir('/proc').catch(() => undefined);
  if (names === undefined || !names.includes('self')) return undefined;
  const links = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map((name) => readlink(`/proc/${name}/exe`).catch(() => '')));
  return links;
}
