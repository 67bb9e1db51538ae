import type { Mirror } from 'cyrus-checkouts/mirror';
import { expect, test, vi } from 'vitest';
import { configOf } from '../test/support/config.ts';
import { createUnreachable } from './reachable.ts';

test.each([
  ['a directory of this machine', 'local', 'the repository has no remote'],
  ['a host', 'http', null],
] as const)('a repository whose remote is %s', async (_what, kind, expected) => {
  const config = configOf({ repositories: [{ id: 'app', remoteUrl: '/srv/app.git' }] });
  const mirror = async (): Promise<Mirror> => ({ remote: { kind } }) as Mirror;
  const unreachable = createUnreachable(() => config, { mirror });
  expect(unreachable('app')).toBeNull();
  await vi.waitFor(() => expect(unreachable('app')).toBe(expected));
  expect(unreachable('another')).toBeNull();
});
