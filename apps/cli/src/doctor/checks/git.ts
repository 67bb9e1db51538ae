import { oldGit } from 'cyrus-checkouts/git-version';
import { runCommand } from '../../demo/git.ts';
import type { Check } from '../check.ts';
import { error, type Finding, ok } from '../finding.ts';

const install = 'Install git 2.38 or newer (apt-get install git, dnf install git).';

/** @param answer what `git --version` said, and whether it ran */
export function judgeGit(answer: { readonly code: number | null; readonly output: string }): Finding {
  if (answer.code !== 0)
    return error('git', 'not found in PATH', { why: 'Every checkout, merge and push is made with git.', fix: install });
  const tooOld = oldGit(answer.output);
  if (!tooOld) return ok('git', answer.output.trim().replace('git version ', ''));
  return error('git', tooOld.message, {
    why: 'Older ones cannot merge without a working copy, and overlook settings that keep a repository from running programs.',
    fix: install,
  });
}

export const gitCheck: Check = { name: 'git', run: async () => [judgeGit(await runCommand('git', ['--version'], '/'))] };
