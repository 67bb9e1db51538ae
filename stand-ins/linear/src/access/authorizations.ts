import { createHash, randomBytes } from 'node:crypto';
import { HttpError } from '../http/exchange.ts';

/** How long a code can be exchanged. */
const codeMs = 10 * 60_000;

interface Asked {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly state: string | null;
  readonly scope: string;
  readonly challenge: string | null;
}

/** What applications ask a person to allow, and the codes that came of it. */
export class Authorizations {
  private readonly pending: Asked[] = [];
  private readonly codes = new Map<string, Asked & { readonly at: number }>();
  private readonly timeScale: number;

  constructor(timeScale: number) {
    this.timeScale = timeScale;
  }

  /** The page was opened. @throws HttpError 400 for a request that Linear would not show */
  open(query: URLSearchParams): Asked {
    const redirectUri = query.get('redirect_uri') ?? '';
    const clientId = query.get('client_id') ?? '';
    if (!clientId || query.get('response_type') !== 'code') throw new HttpError(400, 'client_id or response_type=code is missing');
    if (!/^http:\/\/(127\.0\.0\.1|localhost)[:/]/.test(redirectUri)) throw new HttpError(400, 'redirect_uri must be on this machine');
    const method = query.get('code_challenge_method');
    if (query.has('code_challenge') && method !== 'S256') throw new HttpError(400, 'code_challenge_method must be S256');
    const asked = {
      clientId,
      redirectUri,
      state: query.get('state'),
      scope: query.get('scope') ?? 'read',
      challenge: query.get('code_challenge'),
    };
    this.pending.push(asked);
    return asked;
  }

  /** The person decides on the newest request: where their browser is sent. @throws HttpError 409 when nobody asks */
  decide(allow: boolean): string {
    const asked = this.pending.pop();
    if (!asked) throw new HttpError(409, 'no application asks for access: open its authorize page first');
    const target = new URL(asked.redirectUri);
    if (asked.state !== null) target.searchParams.set('state', asked.state);
    if (allow) {
      const code = randomBytes(20).toString('hex');
      this.codes.set(code, { ...asked, at: Date.now() });
      target.searchParams.set('code', code);
    } else target.searchParams.set('error', 'access_denied');
    return target.href;
  }

  /** Whether a code is good, for the one who asked; it is used up either way. */
  redeem(form: URLSearchParams): boolean {
    const code = form.get('code') ?? '';
    const asked = this.codes.get(code);
    this.codes.delete(code);
    if (!asked || asked.clientId !== form.get('client_id') || asked.redirectUri !== form.get('redirect_uri')) return false;
    if (Date.now() - asked.at > codeMs / this.timeScale) return false;
    if (asked.challenge === null) return true;
    return (
      createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url') === asked.challenge
    );
  }
}
