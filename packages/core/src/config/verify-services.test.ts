import { expect, test } from 'vitest';
import { checkConfig } from './parse.ts';

const repository = (service: object) => ({ repositories: [{ id: 'a', repositoryPath: '/srv/a', verify: { services: [service] } }] });

test('a container image is refused with what to do instead', () => {
  const parsed = checkConfig(repository({ name: 'db', image: 'postgres:17' }));
  if (parsed.ok) throw new Error('it was taken');
  expect(parsed.error).toContainEqual({
    path: 'repositories[0].verify.services[0].image',
    value: '"postgres:17"',
    allowed: 'a command: Cyrus starts no containers, because the socket of a container engine is the whole machine',
    fix: 'name the program itself in `command`, or start the container yourself and wait for it with ready.port, or use verify.mode "ci"',
  });
});

test('a service waits for a number or for a port of its checkout', () => {
  for (const port of [5432, 'CYRUS_PORT', 'CYRUS_PORT_9'])
    expect(checkConfig(repository({ name: 'db', command: 'postgres', ready: { port } })).ok).toBe(true);
  for (const port of [0, 70_000, 'CYRUS_PORT_10', 'PORT'])
    expect(checkConfig(repository({ name: 'db', command: 'postgres', ready: { port } })).ok).toBe(false);
});
