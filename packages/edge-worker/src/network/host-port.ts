import { connect, createServer, type Socket } from 'node:net';

/** Each takes two descriptors of everybody's service. */
const mostConnections = 512;

/** A unix socket that leads to a port of this host's loopback, which the configuration names. */
export async function openHostPort(port: number, socket: string): Promise<{ close(): Promise<void> }> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (inner) => {
    open.add(inner);
    const outer = connect({ host: 'localhost', port, allowHalfOpen: true, noDelay: true });
    inner.on('error', () => outer.destroy());
    outer.on('error', () => inner.destroy());
    inner.on('close', () => {
      open.delete(inner);
      outer.destroy();
    });
    outer.on('close', () => inner.destroySoon());
    inner.pipe(outer);
    outer.pipe(inner);
  });
  server.maxConnections = mostConnections;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socket, resolve));
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of open) connection.destroy();
      }),
  };
}
