/** `insert-server.ts HOME`: the least a durable webhook takes, bare node:http and one committed INSERT in the Postgres of a home. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from 'cyrus-core/clock';
import { openStore } from 'cyrus-edge-worker/open-store';
import { silentLog } from 'cyrus-store/log';

const home = process.argv[2] ?? '';
const store = await openStore({ home, config: {}, clock: systemClock, log: silentLog, applicationName: 'insert-server' });
await store.db.query('create table if not exists public.floor (id bigint generated always as identity, body jsonb)');

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    store.db.query('insert into public.floor (body) values ($1)', [Buffer.concat(chunks).toString('utf8')]).then(
      () => response.end('{}'),
      () => response.writeHead(503).end(),
    );
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ ready: true, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`);
});
process.once('SIGTERM', () => {
  server.closeAllConnections();
  server.close(() => void store.close());
});
