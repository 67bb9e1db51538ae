import { createPrivateKey, createSign, type KeyObject } from 'node:crypto';
import type { Clock } from 'cyrus-core/clock';
import { err, ok } from 'cyrus-core/result';
import type { TokenSource } from './token-source.ts';

/** GitHub takes tokens of at most ten minutes; a minute is left on both sides for clocks that differ. */
const backdatedMs = 60_000;
const livesMs = 8 * 60_000;
/** Below that a refusal has another reason than the clock. */
const noticeableSkewMs = 30_000;

export interface AppIdentity extends TokenSource {
  /** What to add to our clock to have GitHub's, as far as refusals have shown. */
  skewMs(): number;
}

/**
 * Signs the token by which an app says who it is. A clock that is off is corrected by GitHub's own, after a first refusal.
 * @see https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
 */
export function appIdentity(appId: string, privateKey: string, clock: Clock): AppIdentity {
  let skewMs = 0;
  let key: KeyObject | undefined;
  return {
    skewMs: () => skewMs,
    async token() {
      try {
        key ??= keyOf(privateKey);
      } catch {
        return err({
          class: 'auth',
          message: `The private key of the GitHub App ${appId} cannot be read: it is no RSA key in PEM form.`,
          fix: 'Set github.app.privateKeyPath to the .pem file that GitHub gave you; it begins with -----BEGIN RSA PRIVATE KEY-----.',
        });
      }
      const now = clock.now() + skewMs;
      const claims = { iat: Math.floor((now - backdatedMs) / 1000), exp: Math.floor((now + livesMs) / 1000), iss: appId };
      const signed = `${encoded({ alg: 'RS256', typ: 'JWT' })}.${encoded(claims)}`;
      return ok(`${signed}.${createSign('RSA-SHA256').update(signed).sign(key).toString('base64url')}`);
    },
    refused(_token, date) {
      const seen = Date.parse(date ?? '') - clock.now();
      if (Number.isNaN(seen) || Math.abs(seen - skewMs) < noticeableSkewMs) return false;
      skewMs = seen;
      return true;
    },
  };
}

/** In the environment a key has often lost its line breaks to `\n`. */
function keyOf(text: string): KeyObject {
  const key = createPrivateKey(text.replace(/\\n/g, '\n').trim());
  if (key.asymmetricKeyType !== 'rsa') throw new TypeError('not an RSA key');
  return key;
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
