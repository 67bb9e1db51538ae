import { githubAccess } from 'cyrus-edge-worker/broker/repository-access';
import { type AppFinding, checkGithubApp } from 'cyrus-edge-worker/check-github-app';
import { createGithubCredentials } from 'cyrus-edge-worker/github-credentials';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

/** GitHub's answer about one repository. */
export interface GitHubAnswer {
  /** Undefined: none came, because of `problem`. */
  readonly status: number | undefined;
  readonly problem?: string;
  /** Scopes of a classic token; undefined for other kinds. */
  readonly scopes?: readonly string[];
  readonly archived?: boolean;
  readonly mayPush?: boolean;
}

/** Whether pull requests can be opened in a repository with its token. */
export function judgeGitHub(repository: string, answer: GitHubAnswer): Finding {
  const name = `GitHub ${repository}`;
  const why = 'Branches are not pushed and no pull request is opened.';
  const grant =
    'A fine-grained token needs Contents and Pull requests (read and write) for this repository, a classic one the scope "repo".';
  if (answer.status === undefined)
    return error(name, `GitHub does not answer: ${answer.problem}`, { why, fix: 'Look at github.apiUrl, the network and the proxy.' });
  if (answer.status === 401)
    return error(name, 'the token is not accepted: wrong, revoked or expired', {
      why,
      fix: `Make a new one and set GITHUB_TOKEN. ${grant}`,
    });
  if (answer.status === 404 || answer.status === 403)
    return error(name, `the token may not see ${repository} (${answer.status})`, {
      why,
      fix: `${grant} In an organisation with SSO, authorise the token for it.`,
    });
  if (answer.status >= 400)
    return warning(name, `GitHub answered ${answer.status}`, {
      why,
      fix: 'Try again later: https://www.githubstatus.com tells of outages.',
    });
  if (answer.archived)
    return error(name, `${repository} is archived`, {
      why: 'Nothing can be pushed to it.',
      fix: 'Unarchive it, or remove it from config.json.',
    });
  if (answer.scopes && !answer.scopes.some((scope) => scope === 'repo' || scope === 'public_repo'))
    return error(name, `the token has the scopes ${answer.scopes.join(', ') || '(none)'}, not "repo"`, {
      why,
      fix: `Give the token the scope "repo". ${grant}`,
    });
  if (answer.mayPush === false)
    return error(name, `the token's account may not push to ${repository}`, {
      why,
      fix: `Give that account write access to the repository. ${grant}`,
    });
  return ok(name, answer.mayPush === undefined ? 'can be read' : 'can be pushed to');
}

const noToken: Finding = warning('GitHub', 'no token', {
  why: 'Work ends with a pushed branch where the remote allows that without one; no pull request is opened.',
  fix: 'Set GITHUB_TOKEN (or github.token) to a token with Contents and Pull requests, read and write.',
});

export const githubCheck: Check<ConfiguredPatient> = {
  name: 'GitHub',
  async run({ config, clock, signal }) {
    const reached = config.repositories.flatMap(({ id, remoteUrl, isActive }) => {
      const access = isActive && remoteUrl !== undefined ? githubAccess(config, id, remoteUrl) : undefined;
      return access ? [access] : [];
    });
    const app = (await checkGithubApp(config, clock)).map((finding) => ofApp(finding));
    if (reached.length === 0 && config.github.token === undefined) return app.length > 0 ? app : [noToken];
    const credentials = createGithubCredentials({ config: () => config, clock });
    const asked = reached.map(async (access): Promise<Finding> => {
      const { owner, name } = access.repository;
      const token = await credentials.source(access).token();
      if (!token.ok) return ofApp({ state: 'error', ...token.error }, `GitHub ${owner}/${name}`);
      return judgeGitHub(`${owner}/${name}`, await ask(`${access.apiUrl}/repos/${owner}/${name}`, token.value, signal));
    });
    return asked.length > 0 || app.length > 0
      ? [...app, ...(await Promise.all(asked))]
      : [judgeAccount(await ask(`${config.github.apiUrl.replace(/\/+$/, '')}/user`, config.github.token ?? '', signal))];
  },
};

function ofApp({ state, message, fix }: Pick<AppFinding, 'state' | 'message' | 'fix'>, name = 'GitHub App'): Finding {
  if (state === 'ok') return ok(name, message);
  const why = state === 'error' ? 'Branches are not pushed and no pull request is opened.' : 'Whoever has the key can act as the app.';
  return (state === 'error' ? error : warning)(name, message, { why, fix: fix ?? 'Look at github.app in config.json.' });
}

function judgeAccount(answer: GitHubAnswer): Finding {
  return answer.status === 200 ? ok('GitHub', 'the token is accepted') : { ...judgeGitHub('account', answer), name: 'GitHub' };
}

async function ask(url: string, token: string, signal: AbortSignal): Promise<GitHubAnswer> {
  try {
    const headers = { authorization: `Bearer ${token}`, accept: 'application/vnd.github+json', 'user-agent': 'cyrus' };
    const response = await fetch(url, { headers, redirect: 'manual', signal });
    const body = (await response.json().catch(() => ({}))) as { archived?: boolean; permissions?: { push?: boolean } };
    const scopes = response.headers.get('x-oauth-scopes');
    return {
      status: response.status,
      ...(scopes === null
        ? {}
        : {
            scopes: scopes
              .split(',')
              .map((scope) => scope.trim())
              .filter(Boolean),
          }),
      ...(body.archived === undefined ? {} : { archived: body.archived }),
      ...(body.permissions?.push === undefined ? {} : { mayPush: body.permissions.push }),
    };
  } catch (cause) {
    return { status: undefined, problem: cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause) };
  }
}
