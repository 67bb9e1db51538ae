/** The connection to the database ended or could not be made. Nothing of the transaction is certain but this: */
export class ConnectionLost extends Error {
  /** True when the loss came during commit: the transaction may have happened. False: it certainly did not. */
  readonly commitUnknown: boolean;
  constructor(cause: unknown, commitUnknown = false) {
    super(`the database connection was lost: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'ConnectionLost';
    this.commitUnknown = commitUnknown;
  }
}

const lostCodes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'],
  ...['57P01', '57P02', '57P03', '57P05', '25P03', '25P04', '53300'],
]);

const lostMessages = [
  'Connection terminated', // also "… unexpectedly" and "… due to connection timeout"
  'Query read timeout',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
];

/** True for an error that says the connection is gone or could not be had, not that a statement was wrong. */
export function isConnectionError(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (code !== undefined && (lostCodes.has(code) || code.startsWith('08'))) return true;
  return code === undefined && lostMessages.some((message) => error.message.startsWith(message));
}

/** True for an error that says that the disk is full, the server's or ours: the same is worth another try once there is room. */
export function isDiskFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === '53100' || code === 'ENOSPC' || code === 'EDQUOT';
}

/** The SQLSTATE or system error code of `error`. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
