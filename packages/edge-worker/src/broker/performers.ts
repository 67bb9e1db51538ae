import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { GithubCredentials } from '../github-credentials.ts';
import type { Perform } from './outcome.ts';
import { performCli } from './perform-cli.ts';
import { performGit } from './perform-git.ts';
import { performGithub } from './perform-github.ts';
import { type PerformLinearOptions, performLinear } from './perform-linear.ts';

export interface PerformersOptions {
  readonly config: () => Config;
  readonly checkouts: Pick<Checkouts, 'mirror' | 'push'>;
  readonly clock: Clock;
  readonly github: Pick<GithubCredentials, 'source'>;
  /** Absent: nothing here writes to Linear. */
  readonly linear?: Omit<PerformLinearOptions, 'workspace'>;
}

/** Who sends with which credential: `linear:WORKSPACE`, `git`, `github`, `cli`. */
export function createPerformers(options: PerformersOptions): (credential: string) => Perform | undefined {
  const { linear } = options;
  return (credential) => {
    if (credential.startsWith('linear:')) return linear && performLinear({ ...linear, workspace: credential.slice('linear:'.length) });
    if (credential === 'git') return performGit(options);
    if (credential === 'github') return performGithub(options);
    if (credential === 'cli') return performCli;
    return undefined;
  };
}
