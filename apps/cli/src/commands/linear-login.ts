import { createHash, randomBytes } from 'node:crypto';
import { systemClock } from 'cyrus-core/clock';
import { oauthAppOf } from 'cyrus-edge-worker/broker/linear-clients';
import { keepLogin } from 'cyrus-edge-worker/broker/linear-login';
import { authorizePage } from 'cyrus-linear/oauth';
import { CliError, exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { ensureHome } from '../home.ts';
import { openCallback } from '../linear/callback.ts';
import { plain } from '../terminal.ts';

const waitMs = 10 * 60_000;

/** `cyrus linear login`: a person lets the application into a workspace; the tokens stay in the home and renew themselves. */
export async function linearLogin(
  { home, config, terminal }: CommandContext,
  options: { readonly port: number; readonly json?: boolean },
): Promise<void> {
  const settings = config();
  const app = oauthAppOf(settings, systemClock);
  if (!app)
    throw new CliError('No Linear application is configured.', {
      code: exitCode.configuration,
      fix: `Make one at https://linear.app/settings/api/applications/new with the callback URL http://localhost:${options.port}/callback, then set LINEAR_CLIENT_ID and LINEAR_CLIENT_SECRET, or linear.clientId and linear.clientSecret.`,
    });
  ensureHome(home);
  const callback = await openCallback(options.port, process.stdin);
  try {
    const [state, verifier] = [randomBytes(24).toString('base64url'), randomBytes(48).toString('base64url')];
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    const { redirectUri } = callback;
    terminal.err('Open this address in a browser and let Cyrus into your workspace:');
    terminal.err(`\n  ${authorizePage(app, { redirectUri, state, challenge })}\n`);
    terminal.err('Where the browser is on another machine: paste the address here that it ends at.');
    const code = await callback.code(state, waitMs);
    const viewer = await keepLogin({ config: settings, home: home.directory, clock: systemClock, app }, { code, redirectUri, verifier });
    const { workspaceId, workspaceName, name, isApp } = viewer;
    if (options.json) terminal.out(JSON.stringify({ workspaceId, workspaceName, name, isApp }));
    else terminal.out(`Logged in to ${plain(workspaceName)} (${workspaceId}) as ${plain(name)}.`);
    if (!isApp) terminal.err('This is a person, not the application: activities will be comments. Install the application with actor=app.');
  } finally {
    callback.close();
  }
}
