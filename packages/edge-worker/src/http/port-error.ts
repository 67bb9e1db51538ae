/** The address to listen on cannot be had. The message says which, and what to do. */
export class PortError extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'PortError';
    this.code = code;
  }

  static of(error: NodeJS.ErrnoException, host: string, port: number): PortError {
    const code = error.code ?? 'unknown';
    switch (code) {
      case 'EADDRINUSE':
        return new PortError(
          code,
          `Port ${port} on ${host} is taken by another program. Stop that program, or set another \`server.port\` in config.json.`,
          error,
        );
      case 'EACCES':
        return new PortError(
          code,
          `Port ${port} on ${host} may not be used by this account. Set \`server.port\` in config.json to one above 1023.`,
          error,
        );
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return new PortError(
          code,
          `This machine has no address ${host}. Set \`server.host\` in config.json, for example to 127.0.0.1.`,
          error,
        );
      default:
        return new PortError(
          code,
          `Cannot listen on ${host}, port ${port}: ${error.message}. See \`server.host\` and \`server.port\` in config.json.`,
          error,
        );
    }
  }
}
