import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A Node binary of its own for the programs measured: pages of a binary that other programs on the machine run too would
 * be counted in part only.
 */
export async function copyNode(directory: string): Promise<string> {
  const copy = join(directory, 'node');
  await copyFile(process.execPath, copy);
  return copy;
}
