import { readFile } from 'node:fs/promises';
import type { Check } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

/** @param limit how many files one process may have open; undefined: no limit, or nobody can say */
export function judgeOpenFiles(limit: number | undefined): Finding {
  const name = 'open files';
  const fix = 'Raise it: ulimit -n 65536 in the shell that starts Cyrus, LimitNOFILE=65536 in a systemd unit.';
  const why = 'Each agent, each connection and the database need files; beyond the limit calls fail at random.';
  if (limit === undefined || limit >= 4096) return ok(name, limit === undefined ? 'no limit' : `up to ${limit}`);
  if (limit < 512) return error(name, `only ${limit} are allowed`, { why, fix });
  return warning(name, `only ${limit} are allowed`, { why, fix });
}

export const openFilesCheck: Check = {
  name: 'open files',
  async run() {
    const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return [judgeOpenFiles(soft === undefined ? undefined : Number(soft))];
  },
};
