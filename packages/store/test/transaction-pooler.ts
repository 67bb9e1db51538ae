import type { Socket } from 'node:net';

/**
 * What PgBouncer with `pool_mode=transaction` does: every client logs in on a server connection of its own, which then
 * goes to a common pool; from there a client is lent the one returned last, for one transaction each time.
 */
export function transactionPooler(connectToServer: () => Socket): (client: Socket) => void {
  const free: ServerConnection[] = [];
  const waiting: ((server: ServerConnection) => void)[] = [];
  const release = (server: ServerConnection): void => {
    server.onMessage = () => undefined;
    const next = waiting.shift();
    if (next) next(server);
    else free.push(server);
  };

  return (client) => {
    client.on('error', () => undefined);
    let lent: ServerConnection | undefined = new ServerConnection(connectToServer());
    let queue = Buffer.alloc(0);
    let asking = false;
    const use = (server: ServerConnection): void => {
      lent = server;
      asking = false;
      server.onMessage = (message) => {
        client.write(message);
        const idle = message[0] === ready && message[5] === idleStatus;
        if (!idle) return;
        lent = undefined;
        release(server);
      };
      if (queue.length > 0) server.socket.write(queue);
      queue = Buffer.alloc(0);
    };
    use(lent);
    client.on('data', (data) => {
      if (data[0] === terminate) return;
      if (lent) {
        lent.socket.write(data);
        return;
      }
      queue = Buffer.concat([queue, data as Buffer]);
      if (asking) return;
      const server = free.pop();
      if (server) return use(server);
      asking = true;
      waiting.push(use);
    });
  };
}

const ready = 'Z'.charCodeAt(0);
const idleStatus = 'I'.charCodeAt(0);
const terminate = 'X'.charCodeAt(0);

/** One connection to the server, its answers cut into messages. */
class ServerConnection {
  readonly socket: Socket;
  onMessage: (message: Buffer) => void = () => undefined;
  constructor(socket: Socket) {
    this.socket = socket;
    let rest = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      rest = Buffer.concat([rest, data as Buffer]);
      while (rest.length >= 5 && rest.length >= 1 + rest.readUInt32BE(1)) {
        const length = 1 + rest.readUInt32BE(1);
        const message = rest.subarray(0, length);
        rest = rest.subarray(length);
        this.onMessage(message);
      }
    });
  }
}
