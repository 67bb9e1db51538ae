import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { FailureError } from 'cyrus-core/failure';
import { createLinear } from 'cyrus-linear/client';
import { type OauthApp, requestTokens } from 'cyrus-linear/oauth';
import { readViewer, type Viewer } from 'cyrus-linear/read-viewer';
import { createTokenStore } from 'cyrus-linear/token-store';
import { tokenDirectory } from './linear-clients.ts';
import { configuredMark, loginKey } from './linear-token.ts';

export interface LoginCode {
  readonly code: string;
  readonly redirectUri: string;
  /** Of PKCE. */
  readonly verifier: string;
}

/**
 * Exchanges the code that a person's browser brought and keeps the pair for the workspace that it is for.
 * @throws FailureError when Linear refuses the code, or cannot be asked whose it is
 */
export async function keepLogin(
  options: { readonly config: Config; readonly home: string; readonly clock: Clock; readonly app: OauthApp },
  { code, redirectUri, verifier }: LoginCode,
): Promise<Viewer> {
  const { config, clock, app } = options;
  const granted = await requestTokens(app, {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
  });
  if (!granted.ok) throw new FailureError(granted.error.failure);
  const { accessToken, refreshToken, expiresAt } = granted.value;
  const viewer = await readViewer(createLinear({ apiUrl: config.linear.apiUrl, token: accessToken, clock }));
  if (!viewer.ok) throw new FailureError(viewer.error.failure);
  const { workspaceId, workspaceName } = viewer.value;
  const store = createTokenStore(tokenDirectory(options.home), clock);
  const configured = configuredMark(config, workspaceId);
  await store.locked(loginKey(workspaceId), () =>
    store.write(loginKey(workspaceId), {
      accessToken,
      ...(refreshToken === undefined ? {} : { refreshToken }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      obtainedAt: clock.now(),
      ...(configured === undefined ? {} : { configured }),
      workspaceId,
      workspaceName,
      clientId: app.clientId,
    }),
  );
  return viewer.value;
}
