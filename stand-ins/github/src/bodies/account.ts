import type { Account } from '../world.ts';
import { nodeId, type Schemas } from './schemas.ts';

export function simpleUser(siteUrl: string, account: Account): Schemas['simple-user'] {
  const api = `${siteUrl}/users/${encodeURIComponent(account.login)}`;
  return {
    login: account.login,
    id: account.id,
    node_id: nodeId('U', account.id),
    avatar_url: `${siteUrl}/avatars/${account.id}`,
    gravatar_id: '',
    url: api,
    html_url: `${siteUrl}/${account.login}`,
    followers_url: `${api}/followers`,
    following_url: `${api}/following{/other_user}`,
    gists_url: `${api}/gists{/gist_id}`,
    starred_url: `${api}/starred{/owner}{/repo}`,
    subscriptions_url: `${api}/subscriptions`,
    organizations_url: `${api}/orgs`,
    repos_url: `${api}/repos`,
    events_url: `${api}/events{/privacy}`,
    received_events_url: `${api}/received_events`,
    type: account.login.endsWith('[bot]') ? 'Bot' : 'User',
    site_admin: false,
  };
}

/** The account behind a token, as it sees itself. */
export function publicUser(siteUrl: string, account: Account, since: string): Schemas['public-user'] {
  return {
    ...simpleUser(siteUrl, account),
    user_view_type: 'public',
    name: account.login,
    company: null,
    blog: null,
    location: null,
    email: null,
    hireable: null,
    bio: null,
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: since,
    updated_at: since,
  };
}

/** How the account signs the commits it makes on the service. */
export const signature = (account: Account): { readonly name: string; readonly email: string } => ({
  name: account.login,
  email: `${account.id}+${account.login.replace(/[^\w.-]/g, '')}@users.noreply.example`,
});
