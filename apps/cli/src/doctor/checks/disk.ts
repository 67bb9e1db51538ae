import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

export interface DiskFacts {
  readonly freeMb: number;
  readonly neededMb: number;
  /** Share of inodes that are free; 1 where the file system has no limit. */
  readonly freeInodes: number;
  readonly directory: string;
}

export function judgeDisk({ freeMb, neededMb, freeInodes, directory }: DiskFacts): Finding {
  const name = 'disk';
  const fix = `Free some space (cyrus gc removes old checkouts), or name a home on a larger disk with --home.`;
  if (freeMb < neededMb)
    return error(name, `${freeMb} MB free at ${directory}, ${neededMb} MB are needed`, { why: 'New work waits until there is room.', fix });
  if (freeInodes < 0.02)
    return error(name, `almost no inodes are free at ${directory}`, { why: 'No file can be made, although there is space.', fix });
  if (freeMb < neededMb * 2)
    return warning(name, `${freeMb} MB free at ${directory}`, { why: `Below ${neededMb} MB new work waits.`, fix });
  return ok(name, `${freeMb} MB free at ${directory}`);
}

export const diskCheck: Check<ConfiguredPatient> = {
  name: 'disk',
  async run({ home, config }) {
    const { directory, bavail, bsize, files, ffree } = await statfsAbove(home.directory);
    const freeInodes = files === 0 ? 1 : ffree / files;
    return [judgeDisk({ freeMb: Math.floor((bavail * bsize) / 1024 / 1024), neededMb: config.minFreeDiskMb, freeInodes, directory })];
  },
};

/** The file system of `path`, or of the first directory above it that exists. */
async function statfsAbove(path: string): Promise<{ directory: string; bavail: number; bsize: number; files: number; ffree: number }> {
  for (let directory = path; ; directory = dirname(directory)) {
    const found = await statfs(directory).catch(() => undefined);
    if (found) return { directory, ...found, bavail: found.bavail, bsize: found.bsize, files: found.files, ffree: found.ffree };
    if (directory === dirname(directory)) throw new Error(`${path} is on no file system`);
  }
}
