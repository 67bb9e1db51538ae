import { type Answer, answer, notFound, refusal } from '../answer.ts';
import { type App, type Installation, type Permissions, reaches } from '../apps.ts';
import { appBody, installationBody } from '../bodies/app.ts';
import { repositoryBody } from '../bodies/repository.ts';
import type { Schemas } from '../bodies/schemas.ts';
import { findRepository, type Repository } from '../world.ts';
import { type Call, repositoryOf } from './context.ts';

/** A call of an app in its own name. */
export interface AppCall extends Omit<Call, 'caller'> {
  readonly app: App;
}

export async function getApp({ site, app }: AppCall): Promise<Answer> {
  return answer(200, appBody(site, app));
}

export async function getRepositoryInstallation(call: AppCall): Promise<Answer> {
  const found = call.site.apps.on(call.app, repositoryOf(call));
  if (!found) throw notFound();
  return answer(200, installationBody(call.site, found));
}

export async function getInstallation(call: AppCall): Promise<Answer> {
  return answer(200, installationBody(call.site, installationOf(call)));
}

/** Narrows the token to the repositories and permissions asked for; more than the installation has is refused. */
export async function createToken(call: AppCall): Promise<Answer> {
  const { site, body } = call;
  const installation = installationOf(call);
  if (installation.suspendedAt !== null) throw refusal(403, 'This installation has been suspended');
  const named = Array.isArray(body['repositories']) ? (body['repositories'] as readonly string[]) : undefined;
  const repositories = named ? named.map((name) => chosen(call, installation, name)) : reachable(call, installation);
  const permissions = (body['permissions'] ?? installation.permissions) as Permissions;
  const tooMuch = Object.entries(permissions).some(([name, level]) => {
    const has = installation.permissions[name];
    return !(has === 'write' || has === level || (name === 'metadata' && level === 'read'));
  });
  if (tooMuch) throw refusal(422, 'The permissions requested are not granted to this installation.');
  const { token, grant } = site.apps.mint(installation, repositories, permissions);
  const made: Schemas['installation-token'] = {
    token,
    expires_at: new Date(grant.expiresAt).toISOString().replace(/\.\d+Z$/, 'Z'),
    permissions: permissions as NonNullable<Schemas['installation-token']['permissions']>,
    repository_selection: named || installation.repositories !== 'all' ? 'selected' : 'all',
    ...(named ? { repositories: repositories.map((repository) => repositoryBody(site.url, repository)) } : {}),
  };
  return answer(201, made);
}

function installationOf({ site, app, params }: AppCall): Installation {
  const found = site.apps.find(Number(params['installation_id']));
  if (!found || found.app !== app) throw notFound();
  return found;
}

function chosen({ site }: AppCall, installation: Installation, name: string): Repository {
  const repository = findRepository(site, installation.account.login, name);
  if (repository && reaches(installation, repository)) return repository;
  throw refusal(422, 'There is at least one repository that does not exist or is not accessible to the parent installation.');
}

const reachable = ({ site }: AppCall, installation: Installation): readonly Repository[] =>
  [...site.repositories.values()].filter((repository) => reaches(installation, repository));
