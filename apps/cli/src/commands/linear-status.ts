import { systemClock } from 'cyrus-core/clock';
import { formatDuration } from 'cyrus-core/duration';
import { type LinearLogin, linearLogins } from 'cyrus-edge-worker/broker/linear-logins';
import type { CommandContext } from '../context.ts';
import { plain, table } from '../terminal.ts';

const kinds: Readonly<Record<LinearLogin['kind'], string>> = {
  'api-key': 'a person’s API key: comments only',
  'access-token': 'access token of the configuration',
  'refresh-token': 'refresh token of the configuration',
  login: 'cyrus linear login',
  'client-credentials': 'client credentials',
};
const states: Readonly<Record<LinearLogin['state'], string>> = {
  ready: 'ready',
  not_used_yet: 'not used yet',
  logged_out: 'logged out: cyrus linear login',
  revoked: 'taken back by the workspace: cyrus linear login',
};

/** `cyrus linear status`: how each workspace is reached, without any token. Linear is not asked. */
export async function linearStatus({ home, config, terminal }: CommandContext, options: { readonly json?: boolean }): Promise<void> {
  const logins = await linearLogins(config(), home.directory, systemClock);
  if (options.json) return terminal.out(JSON.stringify(logins));
  if (logins.length === 0) return terminal.out('No access to Linear. Log in with: cyrus linear login (docs/linear.md tells of other ways)');
  const rows = logins.map((login) => [
    plain(login.workspaceName ?? login.workspace ?? '(the token’s)'),
    kinds[login.kind],
    states[login.state],
    expiry(login),
  ]);
  for (const line of table([['WORKSPACE', 'ACCESS', 'STATE', 'TOKEN'], ...rows])) terminal.out(line);
}

function expiry({ expiresAt, state }: LinearLogin): string {
  if (expiresAt === null || state !== 'ready') return '';
  const leftMs = expiresAt - systemClock.now();
  return leftMs > 0 ? `renewed in ${formatDuration(leftMs)}` : 'renewed with the next call';
}
