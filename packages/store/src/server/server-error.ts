export type ServerProblem =
  | 'no_binaries'
  | 'account'
  | 'permission'
  | 'disk_full'
  | 'version'
  | 'start_failed'
  | 'url'
  | 'refused'
  | 'auth'
  | 'no_database'
  | 'pooled'
  | 'too_old';

/** There is no usable database. The message says what failed and what to do next, without a secret. */
export class ServerError extends Error {
  readonly problem: ServerProblem;
  constructor(problem: ServerProblem, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ServerError';
    this.problem = problem;
  }
}

export const orUseYourOwn = 'or set DATABASE_URL to a PostgreSQL (14 or newer) of your own';
