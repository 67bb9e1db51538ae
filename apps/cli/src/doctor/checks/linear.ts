import type { Config } from 'cyrus-core/config/schema';
import { linearWorkspaces } from 'cyrus-core/config/workspaces';
import type { Failure } from 'cyrus-core/failure';
import { createLinearClients } from 'cyrus-edge-worker/broker/linear-clients';
import { linearLogins } from 'cyrus-edge-worker/broker/linear-logins';
import type { LinearClient } from 'cyrus-linear/client';
import { readViewer, type Viewer } from 'cyrus-linear/read-viewer';
import { silentLog } from 'cyrus-store/log';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

export type LinearAnswer =
  | {
      readonly ok: true;
      readonly viewer: Pick<Viewer, 'name' | 'isApp' | 'workspaceId' | 'workspaceName'>;
      readonly teams: readonly string[];
    }
  | { readonly ok: false; readonly failure: Failure };

/** @param wanted the workspace the token is configured for, and the teams that repositories name */
export function judgeLinear(
  answer: LinearAnswer,
  wanted: { readonly workspaceId?: string; readonly teamKeys: readonly string[]; readonly personalKey?: boolean },
): readonly Finding[] {
  const name = wanted.workspaceId === undefined ? 'Linear' : `Linear ${wanted.workspaceId}`;
  const renew = 'Log in with: cyrus linear login (docs/linear.md tells of other ways).';
  if (!answer.ok) {
    const { class: kind, message, fix } = answer.failure;
    const auth = kind === 'auth';
    return [
      error(name, message, {
        why: auth
          ? 'No issue can be read and nothing can be said in Linear: the token is wrong, revoked or expired.'
          : 'No issue can be read and nothing can be said in Linear.',
        fix: auth
          ? (fix ?? renew)
          : (fix ?? 'Look at linear.apiUrl, the network and the proxy; https://linearstatus.com tells of outages.'),
      }),
    ];
  }
  const { viewer, teams } = answer;
  const found: Finding[] = [];
  if (wanted.workspaceId !== undefined && viewer.workspaceId !== wanted.workspaceId)
    found.push(
      error(name, `the token belongs to the workspace ${viewer.workspaceName} (${viewer.workspaceId})`, {
        why: `Issues of ${wanted.workspaceId} cannot be read with it, nor answered.`,
        fix: 'Set the id of the token’s workspace, or the token of that workspace.',
      }),
    );
  if (!viewer.isApp)
    found.push(
      warning(name, `signed in as the person ${viewer.name}${wanted.personalKey ? ', with a personal API key' : ''}`, {
        why: 'Linear lets only an app have agent sessions: nobody can assign issues to Cyrus, and what it says there becomes comments in that person’s name.',
        fix: `Make an application in Linear and install it with actor=app. ${renew}`,
      }),
    );
  const closed = wanted.teamKeys.filter((key) => !teams.includes(key));
  if (closed.length > 0)
    found.push(
      warning(
        name,
        `no access to the team${closed.length > 1 ? 's' : ''} ${closed.join(', ')}${teams.length > 0 ? ` (but to ${teams.join(', ')})` : ''}`,
        {
          why: 'Issues of these teams cannot be assigned to Cyrus, and are not read.',
          fix: 'In Linear, open the settings of the team (or of the application) and give the app access; or mend teamKeys in config.json.',
        },
      ),
    );
  return found.length > 0 ? found : [ok(name, `signed in as ${viewer.name} (${viewer.workspaceName}), teams ${teams.join(', ')}`)];
}

const noLinear: Finding = warning('Linear', 'no token', {
  why: 'Issues cannot be read or answered. cyrus run works without.',
  fix: 'Make a Linear app, set LINEAR_CLIENT_ID and LINEAR_CLIENT_SECRET, then: cyrus linear login. Or set LINEAR_TOKEN (docs/linear.md).',
});

export const linearCheck: Check<ConfiguredPatient> = {
  name: 'Linear',
  async run({ config, home, clock, signal }) {
    const logins = await linearLogins(config, home.directory, clock);
    if (logins.length === 0) return [noLinear];
    // The same clients as the service's: a token that is due is renewed for both.
    const clients = createLinearClients({ config: () => config, home: home.directory, clock, log: silentLog });
    return (
      await Promise.all(
        logins.map(async ({ workspace, kind }) => {
          const client = await clients.find(workspace ?? undefined);
          if (!client) return [noLinear];
          return judgeLinear(await askLinear(client, signal), {
            personalKey: kind === 'api-key',
            teamKeys: teamsOf(config, workspace),
            ...(workspace === null ? {} : { workspaceId: workspace }),
          });
        }),
      )
    ).flat();
  },
};

/** The teams that repositories of a workspace name. */
function teamsOf(config: Config, workspace: string | null): readonly string[] {
  const repositoryIds = linearWorkspaces(config)
    .filter(({ workspaceId }) => workspaceId === undefined || workspaceId === workspace)
    .flatMap((each) => each.repositoryIds);
  return [...new Set(config.repositories.filter(({ id }) => repositoryIds.includes(id)).flatMap(({ teamKeys }) => teamKeys ?? []))];
}

async function askLinear(client: LinearClient, signal: AbortSignal): Promise<LinearAnswer> {
  const viewer = await readViewer(client, signal);
  if (!viewer.ok) return { ok: false, failure: viewer.error.failure };
  const teams = await client.request('query teams { teams(first: 250) { nodes { key } } }', {}, signal);
  if (!teams.ok) return { ok: false, failure: teams.error.failure };
  const { nodes = [] } = (teams.value['teams'] ?? {}) as { nodes?: readonly { key: string }[] };
  return { ok: true, viewer: viewer.value, teams: nodes.map(({ key }) => key) };
}
