import { expect, test } from 'vitest';
import { type ContainerRun, containerCommand } from './container-arguments.ts';

const run: ContainerRun = {
  engine: { name: 'podman', path: '/usr/bin/podman', rootless: true, limits: true },
  image: 'localhost/x:1',
  name: 'run.1',
  label: 'abc',
  uid: 1000,
  gid: 1001,
  pids: 99,
  memoryMb: 512,
  network: 'none',
};
const spec = {
  runId: 'run',
  command: 'node',
  args: ['-e', 'x y'],
  cwd: '/',
  env: { A: 'secret', PATH: '/bin' },
  writable: [],
  readable: ['/usr'],
  network: 'none',
} as const;
const text = (given: Partial<ContainerRun>): string => containerCommand({ ...run, ...given }, spec).args.join(' ');

test('nothing is held that need not be, nothing is seen that the spec does not name', () => {
  const args = text({});
  for (const part of [
    'run --rm --interactive --pull never --name run.1 --label cyrus=abc',
    '--network none --read-only --cap-drop ALL --security-opt no-new-privileges',
    '--pids-limit 99 --memory 512m',
    '--mount type=bind,source=/usr,target=/usr,readonly',
    '--entrypoint /bin/sh localhost/x:1',
    'sh / node -e x y',
  ])
    expect(args).toContain(part);
  expect(args.match(/type=bind/g)).toHaveLength(1);
  expect(args).not.toMatch(/privileged|\.sock|secret/);
});

test('values of variables go through the client, under names that mean nothing to it', () => {
  const { variables } = containerCommand(run, { ...spec, env: { LD_PRELOAD: '/x', HOME: '/h' } });
  expect(variables).toEqual({ CYRUS_V0: '/x', CYRUS_V1: '/h' });
  expect(() => containerCommand(run, { ...spec, env: { 'a b': '1' } })).toThrow('"a b"');
});

test.each<[string, Partial<ContainerRun>, string]>([
  ['root of a rootless engine is this account', {}, '--user 0:0'],
  ['another engine is told the account', { engine: { ...run.engine, rootless: false } }, '--user 1000:1001'],
  ['Podman is told its runtime first', { engine: { ...run.engine, runtime: 'runc' } }, '--runtime runc run'],
  ['Docker after the word', { engine: { ...run.engine, name: 'docker', runtime: 'runc' } }, '--label cyrus=abc --runtime runc'],
  ['what the system shows stays read only', { system: { mounts: [{ from: '/a', to: '/b' }], links: [] } }, 'source=/a,target=/b,readonly'],
])('%s', (_name, given, expected) => {
  expect(text(given)).toContain(expected);
});

test('limits that an engine does not hold are not asked of it', () => {
  expect(text({ engine: { ...run.engine, limits: false } })).not.toMatch(/--pids-limit|--memory/);
});
