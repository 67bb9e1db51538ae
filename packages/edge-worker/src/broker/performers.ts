import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { GithubCredentials } from '../github-credentials.ts';
import type { Redact } from '../supervisor/redact.ts';
import { storable } from '../supervisor/storable.ts';
import type { Perform } from './outcome.ts';
import { performAlerts } from './perform-alerts.ts';
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
  /** Takes secrets out of what people are going to read. */
  readonly redact?: Redact;
}

/** Who sends with which credential: `linear:WORKSPACE`, `git`, `github`, `cli`, `alerts`. */
export function createPerformers(options: PerformersOptions): (credential: string) => Perform | undefined {
  const { linear, redact } = options;
  return (credential) => {
    if (credential.startsWith('linear:'))
      return linear && redacted(performLinear({ ...linear, workspace: credential.slice('linear:'.length) }), redact);
    if (credential === 'git') return performGit(options);
    if (credential === 'github') return redacted(performGithub(options), redact);
    if (credential === 'cli') return performCli;
    if (credential === 'alerts') return redacted(performAlerts(options), redact);
    return undefined;
  };
}

/** Whoever decided on the words: an agent may have printed a token that it found in a file. */
function redacted(perform: Perform, redact: Redact | undefined): Perform {
  if (!redact) return perform;
  return (write, signal) => perform({ ...write, payload: storable(write.payload, redact) as typeof write.payload }, signal);
}
