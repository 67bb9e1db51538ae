import { isAbsolute } from 'node:path';
import { FailureError } from 'cyrus-core/failure';

/** Where a repository comes from. `remoteUrl` wins over the `origin` of the user's checkout at `repositoryPath`. */
export interface RepositorySource {
  readonly id: string;
  /** `https://…`, `http://…`, `ssh://…`, `user@host:path`, `file:///…` or an absolute path. */
  readonly remoteUrl?: string;
  /** The user's own checkout: read, never touched. */
  readonly repositoryPath?: string;
  /** For https: the password; the user name is `x-access-token` unless the URL names one. */
  readonly token?: string;
}

export interface Credentials {
  /** `https://host[:port]`: where these may be shown. */
  readonly origin: string;
  readonly username: string;
  readonly password: string;
}

/** A place git reads from and pushes to, without any secret in its URL. */
export interface Remote {
  readonly url: string;
  readonly kind: 'http' | 'ssh' | 'local';
  readonly credentials?: Credentials;
}

/**
 * Understands a remote URL or the path of a local repository. Credentials inside a URL are taken out of it.
 * With a token an ssh address becomes its https one, since a token is no use to ssh.
 * @throws FailureError `invalid_request` for any other transport: `ext::` and its like run programs
 */
export function remoteOf(address: string, token?: string): Remote {
  if (hasControlCharacter(address) || address.startsWith('-')) throw refused(address);
  const path = address.replace(/^file:\/\//, '');
  if (isAbsolute(path)) return { url: path, kind: 'local' };
  const web = /^https?:\/\//i.test(address) ? URL.parse(address) : null;
  if (web !== null) return webRemote(web, token);
  const ssh = sshAddress(address);
  if (ssh === undefined) throw refused(address);
  if (token === undefined || token === '') return { url: address, kind: 'ssh' };
  return webRemote(new URL(`https://${ssh.host}/${ssh.path}`), token);
}

function webRemote(url: URL, token: string | undefined): Remote {
  const username = decodeURIComponent(url.username) || 'x-access-token';
  const password = token || decodeURIComponent(url.password);
  url.username = '';
  url.password = '';
  const remote: Remote = { url: url.href, kind: 'http' };
  return password === '' ? remote : { ...remote, credentials: { origin: `${url.protocol}//${url.host}`, username, password } };
}

function sshAddress(address: string): { readonly host: string; readonly path: string } | undefined {
  const url = address.startsWith('ssh://') ? URL.parse(address) : null;
  if (url !== null)
    return url.hostname === '' || url.hostname.startsWith('-') ? undefined : { host: url.hostname, path: url.pathname.slice(1) };
  if (address.includes('://')) return undefined;
  const short = /^(?:[\w.-]+@)?([A-Za-z0-9][\w.-]*):(?!:)([^\s]+)$/.exec(address);
  return short?.[1] === undefined || short[2] === undefined ? undefined : { host: short[1], path: short[2].replace(/^\/+/, '') };
}

function hasControlCharacter(text: string): boolean {
  return [...text].some((character) => character < ' ' || character === '\x7f');
}

const refused = (address: string): FailureError =>
  new FailureError({
    class: 'invalid_request',
    message: `${JSON.stringify(address.slice(0, 200))} is no address of a repository.`,
    fix: 'Use https://…, ssh://…, user@host:path or an absolute path.',
  });
