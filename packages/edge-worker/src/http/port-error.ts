import { type Failure, FailureError } from 'cyrus-core/failure';

/** Says why an address cannot be listened on, and what to do. */
export function portError(error: NodeJS.ErrnoException, host: string, port: number): FailureError {
  return new FailureError(portFailure(error, host, port), error);
}

function portFailure(error: NodeJS.ErrnoException, host: string, port: number): Failure {
  const failure = (message: string, fix: string): Failure => ({ class: 'invalid_request', message, fix });
  switch (error.code) {
    case 'EADDRINUSE':
      return failure(
        `Port ${port} on ${host} is taken by another program.`,
        'Stop that program, or set another `server.port` in config.json.',
      );
    case 'EACCES':
      return failure(`Port ${port} on ${host} may not be used by this account.`, 'Set `server.port` in config.json to one above 1023.');
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return failure(`This machine has no address ${host}.`, 'Set `server.host` in config.json, for example to 127.0.0.1.');
    default:
      return failure(`Cannot listen on ${host}, port ${port}: ${error.message}.`, 'See `server.host` and `server.port` in config.json.');
  }
}
