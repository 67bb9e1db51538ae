import { readdir, readFile } from 'node:fs/promises';

/** The living processes that carry `CYRUS_RUN={runId}`. */
export async function processesOf(runId: string): Promise<number[]> {
  const pids: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const environment = await readFile(`/proc/${entry}/environ`, 'utf8').catch(() => '');
    if (environment.split('\0').includes(`CYRUS_RUN=${runId}`)) pids.push(Number(entry));
  }
  return pids;
}
