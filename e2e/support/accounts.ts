import { World } from './world.ts';

/** What the smoke of real accounts is pointed at; a part without a token says what to set. */
export interface Accounts {
  readonly linear: { readonly apiUrl: string; readonly token: string; readonly team: string } | string;
  readonly github:
    | { readonly apiUrl: string; readonly remoteUrl: string; readonly token: string; readonly owner: string; readonly name: string }
    | string;
  readonly anthropic: { readonly apiUrl?: string; readonly apiKey: string; readonly model: string } | string;
  close(): Promise<void>;
}

/** The accounts that the environment names. */
export function realAccounts(environment: NodeJS.ProcessEnv): Accounts {
  const { LINEAR_TOKEN, CYRUS_LIVE_LINEAR_TEAM, GITHUB_TOKEN, CYRUS_LIVE_GITHUB_REPOSITORY, ANTHROPIC_API_KEY } = environment;
  const [owner = '', name = ''] = (CYRUS_LIVE_GITHUB_REPOSITORY ?? '').split('/');
  const server = (environment['CYRUS_LIVE_GITHUB_SERVER'] ?? 'https://github.com').replace(/\/+$/, '');
  return {
    linear:
      LINEAR_TOKEN && CYRUS_LIVE_LINEAR_TEAM
        ? {
            apiUrl: environment['CYRUS_LINEAR_API_URL'] ?? 'https://api.linear.app/graphql',
            token: LINEAR_TOKEN,
            team: CYRUS_LIVE_LINEAR_TEAM,
          }
        : 'Linear is skipped: set LINEAR_TOKEN, and CYRUS_LIVE_LINEAR_TEAM to the key of a team where an issue may be made (ENG).',
    github:
      GITHUB_TOKEN && owner && name
        ? {
            apiUrl: environment['CYRUS_GITHUB_API_URL'] ?? 'https://api.github.com',
            remoteUrl: `${server}/${owner}/${name}.git`,
            token: GITHUB_TOKEN,
            owner,
            name,
          }
        : 'GitHub is skipped: set GITHUB_TOKEN, and CYRUS_LIVE_GITHUB_REPOSITORY to a repository where a branch may be pushed (owner/name).',
    anthropic: ANTHROPIC_API_KEY
      ? {
          apiKey: ANTHROPIC_API_KEY,
          model: environment['CYRUS_MODEL'] ?? 'haiku',
          ...(environment['CYRUS_CLAUDE_API_URL'] ? { apiUrl: environment['CYRUS_CLAUDE_API_URL'] } : {}),
        }
      : 'Anthropic is skipped: set ANTHROPIC_API_KEY. One message to a small model costs less than a cent.',
    close: async () => undefined,
  };
}

/** The same, played by the stand-ins: what the smoke does is tried out without any account. */
export async function playedAccounts(): Promise<Accounts> {
  const world = await World.open({ start: false });
  return {
    linear: { apiUrl: world.linear.graphqlUrl, token: 'lin_oauth_app', team: 'ENG' },
    github: {
      apiUrl: world.github.url,
      remoteUrl: `${world.github.url}/acme/app.git`,
      token: 'e2e-github-token',
      owner: 'acme',
      name: 'app',
    },
    anthropic: { apiUrl: world.model.url, apiKey: 'e2e-model-key', model: 'claude-haiku-4-5' },
    close: () => world.close(),
  };
}
