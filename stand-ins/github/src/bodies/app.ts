import type { App, Installation } from '../apps.ts';
import type { Site } from '../world.ts';
import { simpleUser } from './account.ts';
import { nodeId, type Schemas } from './schemas.ts';

export function appBody(site: Site, app: App): NonNullable<Schemas['integration']> {
  return {
    id: app.id,
    slug: app.slug,
    node_id: nodeId('A', app.id),
    owner: simpleUser(site.url, app.owner),
    name: app.name,
    description: null,
    external_url: site.url,
    html_url: `${site.url}/apps/${app.slug}`,
    created_at: app.createdAt,
    updated_at: app.createdAt,
    permissions: {},
    events: [],
  };
}

export function installationBody(site: Site, installation: Installation): Schemas['installation'] {
  const api = `${site.url}/app/installations/${installation.id}`;
  return {
    id: installation.id,
    account: simpleUser(site.url, installation.account),
    repository_selection: installation.repositories === 'all' ? 'all' : 'selected',
    access_tokens_url: `${api}/access_tokens`,
    repositories_url: `${site.url}/installation/repositories`,
    html_url: `${site.url}/organizations/${installation.account.login}/settings/installations/${installation.id}`,
    app_id: installation.app.id,
    target_id: installation.account.id,
    target_type: 'Organization',
    permissions: installation.permissions as Schemas['installation']['permissions'],
    events: [],
    created_at: installation.createdAt,
    updated_at: installation.createdAt,
    single_file_name: null,
    app_slug: installation.app.slug,
    suspended_by: installation.suspendedAt === null ? null : simpleUser(site.url, installation.account),
    suspended_at: installation.suspendedAt,
  };
}
