import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';

/** A repository on a code host. */
export interface RepositoryRef {
  readonly owner: string;
  readonly name: string;
}

/** What a git remote says about where it is hosted. */
export interface RemoteRepository extends RepositoryRef {
  /** As in the remote, with its port where there is one. */
  readonly host: string;
  /** Base of the REST API, without a slash at its end. */
  readonly apiUrl: string;
}

export const fullName = (repository: RepositoryRef): string => `${repository.owner}/${repository.name}`;

const scpForm = /^(?:[^@/\s]+@)?([^:/\s]+):(?!\/\/)(.+)$/;
const namePattern = /^(?!\.{1,2}$)[\w.-]+$/;

/**
 * Reads owner, name and API base from a git remote: `https://…`, `ssh://…`, `git@host:owner/name`, with or without `.git` and credentials.
 * `github.com` has its API at `api.github.com`, `*.ghe.com` at `api.*.ghe.com`, an Enterprise Server under `/api/v3`,
 * and a service on this machine at its own root. `apiUrl` (config `github.apiUrl`) overrides that.
 * Failure: `invalid_request` for a local path, or a path that is not `owner/name`.
 */
export function parseRemote(remote: string, apiUrl?: string): Result<RemoteRepository, Failure> {
  const place = placeOf(remote.trim());
  const [owner = '', name = '', ...rest] = (place?.path ?? '').replace(/^\/+|\/+$/g, '').split('/');
  const bareName = name.replace(/\.git$/, '');
  if (!place || rest.length > 0 || !namePattern.test(owner) || !namePattern.test(bareName))
    return err({
      class: 'invalid_request',
      message: `The remote ${withoutCredentials(remote)} does not name a repository on GitHub.`,
      fix: 'Use a remote such as https://github.com/OWNER/NAME.git or git@github.com:OWNER/NAME.git.',
    });
  return ok({ owner, name: bareName, host: place.host, apiUrl: (apiUrl ?? apiOf(place)).replace(/\/+$/, '') });
}

interface Place {
  /** `ssh:` for the form without a scheme. */
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
}

function placeOf(remote: string): Place | undefined {
  if (/^(https?|ssh|git):\/\//i.test(remote)) {
    if (!URL.canParse(remote)) return undefined;
    const url = new URL(remote);
    return { scheme: url.protocol, host: url.host.toLowerCase(), path: url.pathname };
  }
  const [, host, path] = scpForm.exec(remote) ?? [];
  return host === undefined || path === undefined ? undefined : { scheme: 'ssh:', host: host.toLowerCase(), path };
}

const onThisMachine = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?$/;

function apiOf({ scheme, host }: Place): string {
  const name = host.replace(/:\d+$/, '');
  if (name === 'github.com' || name === 'www.github.com' || name === 'ssh.github.com') return 'https://api.github.com';
  if (name.endsWith('.ghe.com')) return `https://api.${name}`;
  if (onThisMachine.test(host)) return `${scheme === 'https:' ? 'https' : 'http'}://${host}`;
  // The port of ssh says nothing about the port of the API.
  return scheme === 'http:' || scheme === 'https:' ? `${scheme}//${host}/api/v3` : `https://${name}/api/v3`;
}

const withoutCredentials = (remote: string): string => remote.replace(/\/\/[^@/]*@/, '//').slice(0, 200);
