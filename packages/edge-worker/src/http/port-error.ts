import { type Failure, FailureError } from 'cyrus-core/failure';
import { describeHolder, findPortHolder, type PortHolder } from './port-holder.ts';

/** Says why an address cannot be listened on, by whom it is taken where that can be seen, and what to do. */
export async function portError(error: NodeJS.ErrnoException, host: string, port: number): Promise<FailureError> {
  const holder = error.code === 'EADDRINUSE' ? await findPortHolder(port).catch(() => undefined) : undefined;
  return new FailureError(portFailure(error, host, port, holder), error);
}

function portFailure(error: NodeJS.ErrnoException, host: string, port: number, holder: PortHolder | undefined): Failure {
  const failure = (message: string, fix: string): Failure => ({ class: 'invalid_request', message, fix });
  switch (error.code) {
    case 'EADDRINUSE':
      return failure(
        `Port ${port} on ${host} is taken by ${holder ? describeHolder(holder) : 'another program'}.`,
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
