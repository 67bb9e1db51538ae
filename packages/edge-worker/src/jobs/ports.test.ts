import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createPorts } from './ports.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});
const listen = (port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    servers.push(server);
    server.listen({ port, host }, resolve);
  });

test('many at once get blocks of their own', async () => {
  const kept: number[] = [];
  const ports = createPorts('/home/a', async () => kept);
  const keep = async (first: number): Promise<void> => void kept.push(first);
  await Promise.all(Array.from({ length: 12 }, () => ports.reserve('the same name', keep)));
  const all = kept.flatMap((first) => Array.from({ length: 10 }, (_, index) => first + index));
  expect(new Set(all).size).toBe(120);
});

test('the same name gets the same block, unless another program listens there', async () => {
  const ports = createPorts('/home/b', async () => []);
  const first = await ports.reserve('task', async (port) => port);
  expect(await ports.reserve('task', async (port) => port)).toBe(first);
  await listen(first + 7, '127.0.0.1');
  expect(await ports.isFree(first)).toBe(false);
  expect(await ports.reserve('task', async (port) => port)).not.toBe(first);
});

test('one that fails to keep its block does not hold up the next', async () => {
  const ports = createPorts('/home/c', async () => []);
  await expect(
    ports.reserve('x', async () => {
      throw new Error('disk full');
    }),
  ).rejects.toThrow('disk full');
  expect(await ports.reserve('x', async (port) => port)).toBeGreaterThanOrEqual(20_000);
});
