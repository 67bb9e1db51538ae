export type ServerProblem =
  | 'no_binaries'
  | 'account'
  | 'permission'
  | 'disk_full'
  | 'version'
  | 'damaged'
  | 'limits'
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

/** What is left to do when files of the database are missing or unreadable. `said`: one line of the server's own. */
export function damaged(data: string, said: string, cause?: unknown): ServerError {
  return new ServerError(
    'damaged',
    `The database in ${data} is damaged: ${said}. Nothing was changed. Restore a backup (cyrus restore FILE); without one, move that directory away: the next start makes an empty database, and Linear and GitHub are asked what is open.`,
    cause,
  );
}
