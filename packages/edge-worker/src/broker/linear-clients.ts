import { join } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { Failure } from 'cyrus-core/failure';
import { err } from 'cyrus-core/result';
import { type Access, fixedAccess } from 'cyrus-linear/access';
import { createLinear, isApiKey, type LinearClient } from 'cyrus-linear/client';
import { type OauthApp, oauthAddresses, revokeToken } from 'cyrus-linear/oauth';
import { createOauthAccess } from 'cyrus-linear/oauth-access';
import { paced } from 'cyrus-linear/paced';
import { createTokenStore, type StoredTokens, type TokenStore } from 'cyrus-linear/token-store';
import type { Log } from 'cyrus-store/log';
import { type LinearSource, linearSourceOf, loginKey } from './linear-token.ts';

export interface LinearClientsOptions {
  readonly config: () => Config;
  readonly home: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Linear's clients of one process: whoever calls for a workspace gets the same one, so tokens and limits are shared. */
export interface LinearClients {
  /** Undefined when there is neither token, login nor application for the workspace; undefined names the configuration's unnamed one. */
  find(workspace: string | undefined): Promise<LinearClient | undefined>;
  /** The workspace has taken the app's access back: its tokens are dropped, durably, until a person logs in again. */
  forgetTokens(workspace: string): Promise<void>;
  /** A person logs out: the tokens are ended at Linear, then forgotten. */
  logOut(workspace: string | undefined): Promise<LogOut>;
}

export interface LogOut {
  /** False: Linear could not be told, or there is no application to tell it as. Null: there was nothing to end. */
  readonly ended: boolean | null;
  /** What the configuration still gives: a token, or an application that gets a new one. */
  readonly remains: 'fixed' | 'client' | null;
}

export const tokenDirectory = (home: string): string => join(home, 'linear');

/** The application as the configuration has it. `clientId`: the one a login was made with. */
export function oauthAppOf(config: Config, clock: Clock, clientId?: string): OauthApp | undefined {
  const id = config.linear.clientId ?? clientId;
  if (id === undefined) return undefined;
  const { clientSecret } = config.linear;
  return { clientId: id, ...(clientSecret === undefined ? {} : { clientSecret }), addresses: oauthAddresses(config.linear), clock };
}

export function createLinearClients(options: LinearClientsOptions): LinearClients {
  const { config, clock, log } = options;
  const store = createTokenStore(tokenDirectory(options.home), clock);
  const accesses = new Map<string, Access>();
  const clients = new Map<string, { readonly made: string; readonly client: LinearClient }>();

  async function sourceOf(workspace: string | undefined): Promise<LinearSource | undefined> {
    const login = workspace === undefined ? undefined : await loginOf(store, workspace);
    return linearSourceOf(config(), workspace, login);
  }

  function accessOf(source: LinearSource, workspace: string | undefined): Access {
    const known = accesses.get(source.key);
    if (known) return known;
    const access = source.kind === 'fixed' ? fixed(source) : byOauth(source, workspace);
    accesses.set(source.key, access);
    return access;
  }

  const fixed = (source: Extract<LinearSource, { kind: 'fixed' }>): Access =>
    isApiKey(source.token) ? fixedAccess(source.token) : droppable(source, store);

  function byOauth(source: Exclude<LinearSource, { kind: 'fixed' }>, workspace: string | undefined): Access {
    return createOauthAccess({
      key: source.key,
      origin: source,
      store,
      app: () => oauthAppOf(config(), clock),
      clock,
      onChange(failure) {
        if (failure) log.error({ workspace, failure }, 'the Linear login has ended; a person has to log in again');
        else log.info({ workspace }, 'the Linear login works again');
      },
    });
  }

  /** Whoever holds a client for long has the workspace's access as it is at each call: a login made meanwhile counts. */
  function routed(workspace: string | undefined): Access {
    const now = async (): Promise<Access> => {
      const source = await sourceOf(workspace);
      return source ? accessOf(source, workspace) : noAccess;
    };
    return { token: async () => (await now()).token(), renew: async (refused) => (await now()).renew(refused) };
  }

  return {
    async find(workspace) {
      const source = await sourceOf(workspace);
      if (!source) return undefined;
      const { apiUrl } = config().linear;
      const made = `${apiUrl} ${source.key}`;
      const known = clients.get(workspace ?? '');
      if (known?.made === made) return known.client;
      const client = paced(createLinear({ apiUrl, token: routed(workspace), clock }), clock);
      clients.set(workspace ?? '', { made, client });
      return client;
    },

    async forgetTokens(workspace) {
      const source = await sourceOf(workspace);
      // A person's key outlives the app.
      if (!source || (source.kind === 'fixed' && isApiKey(source.token))) return;
      await store.locked(source.key, async () => {
        if (source.kind === 'client') await store.remove(source.key);
        else await store.write(source.key, tombstone(await store.read(source.key), 'revoked'));
      });
      accesses.delete(source.key);
      clients.delete(workspace);
      log.warn({ workspace }, 'the workspace has taken back the app’s access; its tokens are dropped');
    },

    async logOut(workspace) {
      let ended: boolean | null = null;
      // A login may stand over a refresh token of the configuration: neither is left.
      for (let round = 0; round < 2; round++) {
        const source = await sourceOf(workspace);
        if (!source) return { ended, remains: null };
        if (source.kind === 'fixed') return { ended, remains: 'fixed' };
        if (ended === null || source.kind === 'configured') ended = (await endAtLinear(source)) && ended !== false;
        if (source.kind === 'client') return { ended, remains: 'client' };
      }
      return { ended, remains: null };
    },
  };

  function endAtLinear(source: Exclude<LinearSource, { kind: 'fixed' }>): Promise<boolean> {
    return store.locked(source.key, async () => {
      const stored = await store.read(source.key);
      const app = oauthAppOf(config(), clock, stored?.clientId);
      const first = source.kind === 'configured' && !stored?.gone ? source.refreshToken : undefined;
      let ended = app !== undefined;
      for (const token of [stored?.refreshToken ?? first, stored?.accessToken])
        if (app && token !== undefined) ended = (await revokeToken(app, token)) && ended;
      // The first refresh token in the configuration would otherwise be tried again.
      if (source.kind === 'configured') await store.write(source.key, tombstone(stored, 'logged_out'));
      else await store.remove(source.key);
      return ended;
    });
  }
}

const gone: Failure = { class: 'auth', message: 'There is no access to Linear any more', fix: 'log in with: cyrus linear login' };
const noAccess: Access = { token: async () => err(gone), renew: async () => err(gone) };

/** A damaged file is the login's trouble, told when it is used; it does not hide that there is one. */
async function loginOf(store: TokenStore, workspace: string): Promise<StoredTokens | undefined> {
  return store.read(loginKey(workspace)).catch(() => ({}));
}

/** An access token of the configuration, until its workspace has taken the access back. */
function droppable(source: Extract<LinearSource, { kind: 'fixed' }>, store: TokenStore): Access {
  const fixed = fixedAccess(source.token);
  let dropped: Promise<boolean> | undefined;
  return {
    async token() {
      dropped ??= store.read(source.key).then(
        (stored) => stored?.gone !== undefined,
        () => false,
      );
      return (await dropped) ? fixed.renew(source.token) : fixed.token();
    },
    renew: fixed.renew,
  };
}

function tombstone(stored: StoredTokens | undefined, gone: 'logged_out' | 'revoked'): StoredTokens {
  const { configured, workspaceId, workspaceName } = stored ?? {};
  return {
    gone,
    ...(configured === undefined ? {} : { configured }),
    ...(workspaceId === undefined ? {} : { workspaceId }),
    ...(workspaceName === undefined ? {} : { workspaceName }),
  };
}
