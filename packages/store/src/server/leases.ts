import { readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isAlive, startOf } from './process-table.ts';

/** A note that this process uses the server: whoever leaves last stops it. */
export interface Lease {
  /** Gives it up. Resolves with whether other live processes, or other holders in this one, still have one. */
  release(): Promise<{ readonly others: boolean }>;
}

let taken = 0;

/** Takes a lease: a file named by pid, the process's start and a count, so that a dead process's lease is known as such. */
export async function takeLease(directory: string): Promise<Lease> {
  const file = path.join(directory, `${process.pid}_${await startOf(process.pid)}_${++taken}`);
  await writeFile(file, '', { mode: 0o600 });
  return {
    async release() {
      await rm(file, { force: true });
      let others = false;
      for (const name of await readdir(directory)) {
        const [pid, start] = name.split('_');
        const live = isAlive(Number(pid)) && (await startOf(Number(pid))) === start;
        if (live) others = true;
        else await rm(path.join(directory, name), { force: true });
      }
      return { others };
    },
  };
}
