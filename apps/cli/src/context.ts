import type { Config } from 'cyrus-core/config/schema';
import type { Home } from './home.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given. */
export interface CommandContext {
  readonly home: Home;
  /** Read when first asked for: a command that needs none works with a broken one. */
  readonly config: () => Config;
  readonly terminal: Terminal;
  readonly environment: NodeJS.ProcessEnv;
}
