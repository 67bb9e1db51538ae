import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Every process whose environment or command line holds `text`; itself left out. */
export async function processesWith(text: string): Promise<number[]> {
  if (process.platform !== 'linux') {
    const { stdout } = await promisify(execFile)('ps', ['-axeww', '-o', 'pid=,command=']);
    return stdout
      .split('\n')
      .filter((line) => line.includes(text) && !line.includes('ps -axeww'))
      .map((line) => Number.parseInt(line, 10))
      .filter((pid) => pid !== process.pid);
  }
  const pids: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const read = (file: string): Promise<string> => readFile(`/proc/${entry}/${file}`, 'utf8').catch(() => '');
    if ((await read('environ')).includes(text) || (await read('cmdline')).includes(text)) pids.push(Number(entry));
  }
  return pids;
}
