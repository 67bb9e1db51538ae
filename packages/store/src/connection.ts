/** Where a database is and who asks. `host` is a directory for a unix socket. */
export interface ConnectionConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly database: string;
  readonly ssl?: boolean | object;
}

/** The same as a URL, for a child process's `DATABASE_URL`. Holds the password. */
export function toUrl(connection: ConnectionConfig): string {
  const login = `${encodeURIComponent(connection.user)}${connection.password === undefined ? '' : `:${encodeURIComponent(connection.password)}`}`;
  const socket = connection.host.startsWith('/');
  const host = socket ? 'localhost' : connection.host.includes(':') ? `[${connection.host}]` : connection.host;
  const query = new URLSearchParams();
  if (socket) query.set('host', connection.host);
  if (connection.ssl) query.set('sslmode', 'require');
  const suffix = query.size > 0 ? `?${query}` : '';
  return `postgres://${login}@${host}:${connection.port}/${encodeURIComponent(connection.database)}${suffix}`;
}
