import { systemClock } from 'cyrus-core/clock';
import { createLinearClients } from 'cyrus-edge-worker/broker/linear-clients';
import { linearLogins } from 'cyrus-edge-worker/broker/linear-logins';
import { silentLog } from 'cyrus-store/log';
import { CliError, exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';

/** `cyrus linear logout`: ends the tokens at Linear, then forgets them. */
export async function linearLogout(
  { home, config, terminal }: CommandContext,
  workspace: string | undefined,
  options: { readonly json?: boolean },
): Promise<void> {
  const settings = config();
  const logins = await linearLogins(settings, home.directory, systemClock);
  const chosen = logins.filter((login) => workspace === undefined || login.workspace === workspace || login.workspaceName === workspace);
  const [login] = chosen;
  if (!login)
    throw new CliError(workspace === undefined ? 'Cyrus is not logged in to Linear.' : `There is no login to ${workspace}.`, {
      fix: 'See what there is with: cyrus linear status',
    });
  if (chosen.length > 1)
    throw new CliError(
      `There are ${chosen.length} workspaces: name one of ${chosen.map((each) => each.workspace ?? 'default').join(', ')}.`,
      {
        code: exitCode.usage,
      },
    );
  const clients = createLinearClients({ config: () => settings, home: home.directory, clock: systemClock, log: silentLog });
  const { ended, remains } = await clients.logOut(login.workspace ?? undefined);
  const name = login.workspaceName ?? login.workspace ?? 'Linear';
  if (ended === null) throw new CliError(`The token for ${name} is the configuration’s own: Cyrus cannot log out of it.`, { fix: takeOut });
  if (options.json) terminal.out(JSON.stringify({ workspace: login.workspace, endedAtLinear: ended, remains }));
  else terminal.out(`Logged out of ${name}.`);
  if (!ended) terminal.err('Linear could not be told: the tokens are forgotten here; revoke the application in Linear’s settings.');
  if (remains === 'client') terminal.err('linear.clientId and linear.clientSecret are still configured: the next start gets a new token.');
  if (remains === 'fixed') terminal.err(`A token for ${name} is still configured and is used from now on. ${takeOut}`);
}

const takeOut = 'Take it out of config.json (linear.token, linearWorkspaces) or LINEAR_TOKEN, and revoke it in Linear’s settings.';
