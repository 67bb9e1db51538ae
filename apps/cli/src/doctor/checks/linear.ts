import type { Config } from 'cyrus-core/config/schema';
import { linearWorkspaces } from 'cyrus-core/config/workspaces';
import type { Failure } from 'cyrus-core/failure';
import { createLinear } from 'cyrus-linear/client';
import { readViewer, type Viewer } from 'cyrus-linear/read-viewer';
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
  wanted: { readonly workspaceId?: string; readonly teamKeys: readonly string[]; readonly token: string },
): readonly Finding[] {
  const name = wanted.workspaceId === undefined ? 'Linear' : `Linear ${wanted.workspaceId}`;
  const renew = 'Set LINEAR_TOKEN (or linear.token) to the access token of your Linear app; docs/linear.md tells how to make one.';
  if (!answer.ok) {
    const { class: kind, message, fix } = answer.failure;
    const auth = kind === 'auth';
    return [
      error(name, message, {
        why: auth
          ? 'No issue can be read and nothing can be said in Linear: the token is wrong, revoked or expired.'
          : 'No issue can be read and nothing can be said in Linear.',
        fix: auth ? renew : (fix ?? 'Look at linear.apiUrl, the network and the proxy; https://linearstatus.com tells of outages.'),
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
      warning(name, `signed in as the person ${viewer.name}${wanted.token.startsWith('lin_api_') ? ', with a personal API key' : ''}`, {
        why: 'Linear lets only an app have agent sessions: nobody can assign issues to Cyrus, and it can only write comments, in that person’s name.',
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

export const noLinear: Finding = warning('Linear', 'no token', {
  why: 'Issues cannot be read or answered. cyrus run works without.',
  fix: 'Set LINEAR_TOKEN, or linear.token in config.json, to the access token of your Linear app.',
});

export const linearCheck: Check<ConfiguredPatient> = {
  name: 'Linear',
  async run({ config, clock, signal }) {
    const workspaces = linearWorkspaces(config).filter(({ token }) => token !== undefined);
    // Other ways to sign in get their tokens while the service runs; it tells when they are refused.
    if (workspaces.length === 0) return config.linear.clientId === undefined && config.linear.refreshToken === undefined ? [noLinear] : [];
    return (
      await Promise.all(
        workspaces.map(async ({ workspaceId, token = '', repositoryIds }) => {
          const answer = await askLinear({ apiUrl: config.linear.apiUrl, token, clock }, signal);
          return judgeLinear(answer, {
            token,
            teamKeys: teamsOf(config, repositoryIds),
            ...(workspaceId === undefined ? {} : { workspaceId }),
          });
        }),
      )
    ).flat();
  },
};

function teamsOf(config: Config, repositoryIds: readonly string[]): readonly string[] {
  return [...new Set(config.repositories.filter(({ id }) => repositoryIds.includes(id)).flatMap(({ teamKeys }) => teamKeys ?? []))];
}

async function askLinear(options: Parameters<typeof createLinear>[0], signal: AbortSignal): Promise<LinearAnswer> {
  const client = createLinear(options);
  const viewer = await readViewer(client, signal);
  if (!viewer.ok) return { ok: false, failure: viewer.error.failure };
  const teams = await client.request('query teams { teams(first: 250) { nodes { key } } }', {}, signal);
  if (!teams.ok) return { ok: false, failure: teams.error.failure };
  const { nodes = [] } = (teams.value['teams'] ?? {}) as { nodes?: readonly { key: string }[] };
  return { ok: true, viewer: viewer.value, teams: nodes.map(({ key }) => key) };
}
