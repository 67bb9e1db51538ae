import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { FailureError } from 'cyrus-core/failure';
import { portsPerCheckout } from './workplace.ts';

/** Below what systems give out by themselves to outgoing connections (Linux from 32768, macOS from 49152). */
const range = { first: 20_000, blocks: 1_000 };

/** Gives every checkout a block of ports that nobody else has: no other checkout, no other program. */
export interface Ports {
  /**
   * Chooses a block and calls `keep` with its first port before anyone else may choose. The same `name` gets the same one as long as
   * that is free.
   * @throws FailureError `setup_failed` when there is none
   */
  reserve<T>(name: string, keep: (first: number) => Promise<T>): Promise<T>;
  isFree(first: number): Promise<boolean>;
}

/** `taken`: the first ports of the blocks that live checkouts have. */
export function createPorts(home: string, taken: () => Promise<readonly number[]>): Ports {
  let turn: Promise<unknown> = Promise.resolve();
  return {
    isFree,
    reserve(name, keep) {
      const mine = turn.then(async () => keep(await choose(`${home} ${name}`, new Set(await taken()))));
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
}

async function choose(name: string, taken: ReadonlySet<number>): Promise<number> {
  // Begun at another place for every home and task, so that two services on one machine rarely meet.
  const start = createHash('sha256').update(name).digest().readUInt32BE(0);
  for (let step = 0; step < range.blocks; step++) {
    const first = range.first + ((start + step) % range.blocks) * portsPerCheckout;
    if (!taken.has(first) && (await isFree(first))) return first;
  }
  throw new FailureError({
    class: 'setup_failed',
    message: `No ${portsPerCheckout} free ports in a row are left between ${range.first} and ${range.first + range.blocks * portsPerCheckout - 1}.`,
    fix: 'End programs that listen there, or checkouts that are not needed: cyrus gc.',
  });
}

async function isFree(first: number): Promise<boolean> {
  for (let port = first; port < first + portsPerCheckout; port++) if (!(await canListen(port, '::'))) return false;
  return true;
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const noIpv6 = host === '::' && (error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL');
      resolve(noIpv6 ? canListen(port, '0.0.0.0') : false);
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
