import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check } from '../check.ts';
import { error, type Finding, ok } from '../finding.ts';

/** Where the database's socket goes, whatever TMPDIR says: its path has to be short. */
const directory = '/tmp';

/** @param problem the code of the error that making a directory there ended with; undefined: it was made */
export function judgeTemporary(problem: string | undefined): Finding {
  if (problem === undefined) return ok('temporary files', directory);
  const full = problem === 'ENOSPC' || problem === 'EDQUOT';
  return error(
    'temporary files',
    `${directory} ${full ? 'is full' : problem === 'ENOENT' ? 'does not exist' : 'cannot be written'} (${problem})`,
    {
      why: 'The database’s socket and git’s files go there.',
      fix: full ? `Free some space in ${directory}.` : `mkdir -p ${directory} && chmod 1777 ${directory}`,
    },
  );
}

export const temporaryCheck: Check = {
  name: 'temporary files',
  async run() {
    try {
      await rm(await mkdtemp(join(directory, 'cyrus-doctor-')), { recursive: true });
      return [judgeTemporary(undefined)];
    } catch (cause) {
      return [judgeTemporary((cause as NodeJS.ErrnoException).code ?? String(cause))];
    }
  },
};
