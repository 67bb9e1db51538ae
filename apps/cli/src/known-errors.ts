import { FailureError } from 'cyrus-core/failure';
import { MigrationError } from 'cyrus-store/migrate';
import { ServerError } from 'cyrus-store/server/server-error';
import { CliError, exitCode } from './cli-error.ts';

/** An error that was made for a person, as one of the command line's; undefined for a defect. */
export function asCliError(error: unknown): CliError | undefined {
  if (error instanceof FailureError)
    return new CliError(error.failure.message, error.failure.fix === undefined ? {} : { fix: error.failure.fix });
  if (error instanceof ServerError || error instanceof MigrationError) return new CliError(error.message);
  if (error instanceof Error && error.name === 'HostTaken')
    return new CliError(error.message, {
      code: exitCode.failed,
      fix: 'See how it does with: cyrus status. To start here instead, end that one (SIGTERM lets its agents finish); for a second one name another --home.',
    });
  return undefined;
}
