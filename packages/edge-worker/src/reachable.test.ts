import type { Mirror } from 'cyrus-checkouts/mirror';
import { expect, test } from 'vitest';
import { configOf } from '../test/support/config.ts';
import { createUnreachable } from './reachable.ts';

test.each([
  ['a directory of this machine', 'local', 'the repository has no remote'],
  ['a host', 'http', null],
] as const)('a repository whose remote is %s', async (_what, kind, expected) => {
  const config = configOf({ repositories: [{ id: 'app', remoteUrl: '/srv/app.git' }] });
  const mirror = async (): Promise<Mirror> => ({ remote: { kind } }) as Mirror;
  const { unreachable } = createUnreachable(() => config, { mirror });
  expect(unreachable('app')).toBeNull();
  await expect.poll(() => unreachable('app')).toBe(expected);
  expect(unreachable('another')).toBeNull();
});

test('what was looked up before is known to whoever asks first', async () => {
  const config = configOf({
    repositories: ['/srv/app.git', '/srv/broken.git'].map((remoteUrl) => ({ id: remoteUrl.slice(5, -4), remoteUrl })),
  });
  const mirror = async ({ id }: { readonly id: string }): Promise<Mirror> => {
    if (id === 'broken') throw new Error('no such directory');
    return { remote: { kind: 'local' } } as Mirror;
  };
  const { unreachable, lookUp } = createUnreachable(() => config, { mirror });
  await lookUp();
  expect(unreachable('app')).toBe('the repository has no remote');
  expect(unreachable('broken')).toBeNull();
});
