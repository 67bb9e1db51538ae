import { createPublicKey, generateKeyPair, type KeyObject, randomBytes, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { type Account, accountOf, type Repository, type Site, timestamp } from './world.ts';

/** `contents` → `write`. */
export type Permissions = Readonly<Record<string, 'read' | 'write'>>;

export interface App {
  readonly id: number;
  readonly slug: string;
  readonly name: string;
  readonly owner: Account;
  /** Who its tokens act as: `slug[bot]`. */
  readonly bot: Account;
  readonly createdAt: string;
  readonly publicKey: KeyObject;
}

export interface Installation {
  readonly id: number;
  readonly app: App;
  readonly account: Account;
  /** Names of the chosen repositories of the account, in lower case. */
  repositories: 'all' | readonly string[];
  permissions: Permissions;
  suspendedAt: string | null;
  readonly createdAt: string;
}

/** What an installation token may do. */
export interface Grant {
  readonly installation: Installation;
  /** Ids of the repositories; those chosen when it was made. */
  readonly repositories: ReadonlySet<number>;
  readonly permissions: Permissions;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface Apps {
  /** Registers an app of `owner`; the private key is shown this once, as PEM in GitHub's form. */
  create(request: { readonly name: string; readonly owner: string }): Promise<{ readonly appId: number; readonly privateKey: string }>;
  /** @throws Error for an app there is not */
  install(request: {
    readonly appId: number;
    readonly account: string;
    /** Default `all`. */
    readonly repositories?: readonly string[];
    /** Default: all that opening pull requests needs. */
    readonly permissions?: Permissions;
  }): { readonly id: number };
  change(request: {
    readonly id: number;
    readonly suspended?: boolean;
    readonly repositories?: readonly string[];
    readonly permissions?: Permissions;
  }): Installation;
  /** Its tokens are worth nothing from then on. */
  uninstall(id: number): Installation;
  /** Ends every token that was given out. */
  revokeTokens(): void;
  find(id: number): Installation | undefined;
  /** The installation of the app that reaches a repository. */
  on(app: App, repository: Repository): Installation | undefined;
  /** The app that a signed token names, or what is wrong with the token. */
  identify(jwt: string): App | string;
  mint(installation: Installation, repositories: readonly Repository[], permissions: Permissions): { token: string; grant: Grant };
  /** The account behind an installation token that is good. */
  callerOf(token: string): Account | undefined;
}

const usual: Permissions = { contents: 'write', pull_requests: 'write', checks: 'read', statuses: 'read', metadata: 'read' };
const pair = promisify(generateKeyPair);

/** GitHub Apps: their keys, installations and tokens. `tokenLifeMs`: an hour on the real service. */
export function createApps(site: Pick<Site, 'accounts' | 'nextId'>, tokenLifeMs: number): Apps {
  const apps = new Map<number, App>();
  const installations = new Map<number, Installation>();
  const tokens = new Map<string, Grant>();
  const of = (id: number): Installation => {
    const found = installations.get(Number(id));
    if (!found) throw new Error(`no installation ${id}`);
    return found;
  };
  const lower = (names: readonly string[]): readonly string[] => names.map((name) => name.toLowerCase());
  return {
    async create({ name, owner }) {
      const keys = await pair('rsa', {
        modulusLength: 2048,
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
      });
      const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
      const app: App = {
        id: site.nextId(),
        slug,
        name,
        owner: accountOf(site, owner),
        bot: accountOf(site, `${slug}[bot]`),
        createdAt: timestamp(),
        publicKey: createPublicKey(keys.publicKey),
      };
      apps.set(app.id, app);
      return { appId: app.id, privateKey: keys.privateKey };
    },
    install({ appId, account, repositories, permissions = usual }) {
      const app = apps.get(Number(appId));
      if (!app) throw new Error(`no app ${appId}`);
      const id = site.nextId();
      const chosen: Installation['repositories'] = repositories ? lower(repositories) : 'all';
      const installation: Installation = {
        id,
        app,
        account: accountOf(site, account),
        repositories: chosen,
        permissions,
        suspendedAt: null,
        createdAt: timestamp(),
      };
      installations.set(id, installation);
      return { id };
    },
    change({ id, suspended, repositories, permissions }) {
      const installation = of(id);
      if (suspended !== undefined) installation.suspendedAt = suspended ? timestamp() : null;
      if (repositories) installation.repositories = lower(repositories);
      if (permissions) installation.permissions = permissions;
      return installation;
    },
    uninstall(id) {
      const installation = of(id);
      installations.delete(installation.id);
      return installation;
    },
    revokeTokens: () => tokens.clear(),
    find: (id) => installations.get(id),
    on: (app, repository) =>
      [...installations.values()].find((installation) => installation.app === app && reaches(installation, repository)),
    identify: (jwt) => identify(apps, jwt),
    mint(installation, repositories, permissions) {
      // The form of tokens has changed before: nothing may depend on it.
      const token = `ghs_${installation.app.id}_${randomBytes(20 + Math.floor(Math.random() * 60)).toString('base64url')}`;
      const ids = new Set(repositories.map((repository) => repository.id));
      const grant = { installation, repositories: ids, permissions, expiresAt: Date.now() + tokenLifeMs };
      tokens.set(token, grant);
      return { token, grant };
    },
    callerOf(token) {
      const grant = tokens.get(token);
      if (!grant || Date.now() >= grant.expiresAt || !installations.has(grant.installation.id)) return undefined;
      return { ...grant.installation.app.bot, grant };
    },
  };
}

export function reaches(installation: Installation, repository: Repository): boolean {
  if (installation.account.id !== repository.owner.id) return false;
  return installation.repositories === 'all' || installation.repositories.includes(repository.name.toLowerCase());
}

const longestLifeSeconds = 600;
const clockToleranceSeconds = 60;

/** Holds a signed token to what the service asks of it. */
function identify(apps: ReadonlyMap<number, App>, jwt: string): App | string {
  const undecodable = 'A JSON web token could not be decoded';
  const [head = '', body = '', signature = ''] = jwt.split('.');
  let claims: Readonly<Record<string, unknown>>;
  try {
    claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Record<string, unknown>;
  } catch {
    return undecodable;
  }
  const app = apps.get(Number(claims['iss']));
  if (!app) return undecodable;
  if (!verify('RSA-SHA256', Buffer.from(`${head}.${body}`), app.publicKey, Buffer.from(signature, 'base64url'))) return undecodable;
  const now = Date.now() / 1000;
  const [issued, ends] = [Number(claims['iat']), Number(claims['exp'])];
  if (!(issued <= now)) return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
  if (!(ends > now))
    return "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
  if (ends > now + longestLifeSeconds + clockToleranceSeconds) return "'Expiration time' claim ('exp') is too far in the future";
  return app;
}

/** Whether an account may do this to a repository; undefined: yes. Tokens of people are held to `write` or `read` elsewhere. */
export function denied(
  caller: Account,
  repository: Repository | undefined,
  need: readonly [string, 'read' | 'write'],
): 'hidden' | 'forbidden' | undefined {
  const { grant } = caller;
  if (!grant) return undefined;
  if (!repository || !grant.repositories.has(repository.id)) return 'hidden';
  if (grant.installation.suspendedAt !== null) return 'forbidden';
  const [name, level] = need;
  const has = grant.permissions[name];
  return has === 'write' || has === level || (name === 'metadata' && level === 'read') ? undefined : 'forbidden';
}
