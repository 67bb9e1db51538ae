import type { Clock } from 'cyrus-core/clock';
import type { ConfigWarning } from 'cyrus-core/config/known-keys';
import type { Config } from 'cyrus-core/config/schema';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import type { IsolationReport } from 'cyrus-sandbox/detect';
import type { Home } from '../home.ts';
import type { DatabaseFacts } from './database-facts.ts';
import type { Finding } from './finding.ts';

/** What every check may look at. */
export interface Patient {
  readonly home: Home;
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A patient whose configuration can be read. */
export interface ConfiguredPatient extends Patient {
  readonly config: Config;
  readonly warnings: readonly ConfigWarning[];
  /** Found out once, for all who ask. */
  readonly isolation: () => Promise<IsolationReport>;
  readonly sandbox: () => Promise<Sandbox>;
  /** What the database says, read once for all who ask. */
  readonly database: () => Promise<DatabaseFacts>;
}

/** One thing that is looked at. It changes nothing, and may take its time limit. */
export interface Check<P extends Patient = Patient> {
  readonly name: string;
  readonly run: (patient: P) => Promise<readonly Finding[]> | readonly Finding[];
}
