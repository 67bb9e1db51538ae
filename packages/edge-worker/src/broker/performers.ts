import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { configuredWorkspaces } from './linear-token.ts';
import type { Perform } from './outcome.ts';
import { performCli } from './perform-cli.ts';
import { performLinear } from './perform-linear.ts';

export interface PerformersOptions {
  readonly config: () => Config;
  readonly clock: Clock;
  readonly git: Perform;
  readonly github: Perform;
}

/** Who sends with which credential: `linear:WORKSPACE`, `git`, `github`, `cli`. */
export function createPerformers(options: PerformersOptions): (credential: string) => Perform | undefined {
  const { config, clock } = options;
  return (credential) => {
    if (credential.startsWith('linear:')) return performLinear({ workspace: credential.slice('linear:'.length), config, clock });
    if (credential === 'git') return options.git;
    if (credential === 'github') return options.github;
    if (credential === 'cli') return performCli;
    return undefined;
  };
}

/** The credentials that the configuration names; a workspace it does not name gets its broker with its first write. */
export function configuredCredentials(config: Config): readonly string[] {
  return ['cli', 'git', 'github', ...configuredWorkspaces(config).map((workspace) => `linear:${workspace}`)];
}
