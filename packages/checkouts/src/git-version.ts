import { type Failure, FailureError } from 'cyrus-core/failure';
import type { Git } from './git.ts';

/** Older ones merge only in a working copy; still older ones (before 2.32) overlook the settings that keep a repository from running programs. */
const needed = { major: 2, minor: 38 };

/** @throws FailureError `missing_binary` without git, or with one that is too old */
export async function requireGit(git: Git): Promise<void> {
  const { stdout } = await git.run({ did: 'ask git for its version', args: ['--version'] });
  const failure = oldGit(stdout);
  if (failure !== undefined) throw new FailureError(failure);
}

/** What is wrong with a git that says `version`; undefined when it will do. */
export function oldGit(version: string): Failure | undefined {
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  if (major > needed.major || (major === needed.major && minor >= needed.minor)) return undefined;
  return {
    class: 'missing_binary',
    message: `${version.trim()} is too old.`,
    fix: `Install git ${needed.major}.${needed.minor} or newer.`,
  };
}
