import { connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { toUrl } from '../src/connection.ts';
import { connectExternal, parseUrl } from '../src/server/external.ts';
import { type TestDatabase, testDatabase } from '../src/testing/database.ts';
import { transactionPooler } from './transaction-pooler.ts';

let t: TestDatabase;
const servers: Server[] = [];
beforeEach(async () => {
  t = await testDatabase();
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await t.stop();
});

const open = (url: string): ReturnType<typeof connectExternal> => connectExternal({ url, clock: systemClock });

/** Serves `onConnection` on a free port of 127.0.0.1. */
async function serve(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer(onConnection);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

const databaseSocket = (): Socket => connect(path.join(t.connection.host, '.s.PGSQL.5432')).on('error', () => undefined);

test('a good URL, by socket and by TCP', async () => {
  expect(await open(t.url)).toEqual(t.connection);
  const port = await serve((socket) => {
    const upstream = databaseSocket();
    socket.on('error', () => upstream.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  expect(await open(toUrl({ ...t.connection, host: '127.0.0.1', port }))).toEqual({ ...t.connection, host: '127.0.0.1', port });
});

test.each([
  ['not a URL', () => 'mysql://x/y', 'url', /looks like postgres:/],
  [
    'nobody there',
    () => 'postgres://cyrus:geheim@127.0.0.1:1/cyrus',
    'refused',
    /No database answers at 127\.0\.0\.1:1\/cyrus \(ECONNREFUSED\)/,
  ],
  ['a wrong password', () => toUrl({ ...t.connection, password: 'geheim' }), 'auth', /does not let "cyrus" in/],
  ['no such database', () => toUrl({ ...t.connection, database: 'elsewhere' }), 'no_database', /createdb elsewhere/],
])('%s', async (_name, url, problem, message) => {
  const error: unknown = await open(url()).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: 'ServerError', problem, message: expect.stringMatching(message) });
  expect(String(error)).not.toContain('geheim');
});

test('a transaction pooler is refused', async () => {
  const pooler = transactionPooler(databaseSocket);
  const port = await serve(pooler);
  const url = toUrl({ ...t.connection, host: '127.0.0.1', port });
  // It works well enough to fool who asks only once.
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await client.end();
  await expect(open(url)).rejects.toMatchObject({ problem: 'pooled', message: expect.stringContaining('session mode') });
});

test('a pooler that refuses our session settings is refused as such', async () => {
  const port = await serve((socket) => {
    socket.on('error', () => undefined);
    const fields = Buffer.from('SERROR\0C08P01\0Munsupported startup parameter: statement_timeout\0\0');
    const head = Buffer.alloc(5);
    head.write('E');
    head.writeUInt32BE(fields.length + 4, 1);
    socket.once('data', () => socket.end(Buffer.concat([head, fields])));
  });
  await expect(open(`postgres://cyrus@127.0.0.1:${port}/cyrus`)).rejects.toMatchObject({ problem: 'pooled' });
});

test('URLs with encoded characters, a socket directory and an IPv6 host survive the way there and back', () => {
  for (const connection of [
    { host: '/tmp/a b', port: 5432, user: 'cy rus', password: 'p@s/s:w%', database: 'd b' },
    { host: '::1', port: 6000, user: 'cyrus', password: 'x', database: 'cyrus' },
  ])
    expect(parseUrl(toUrl(connection))).toEqual(connection);
});
