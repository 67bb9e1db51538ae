import type { Instant } from 'cyrus-core/clock';
import { type Failure, FailureError } from 'cyrus-core/failure';
import { refusal } from './wire.ts';

/** What Cursor answered, as far as it matters for what is done next. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** The JSON body, or its text. */
  readonly body: unknown;
}

/** A failure of a call, with the provider's own words for those who know what to do about them. */
export class CursorError extends FailureError {
  /** 0: there was no answer. */
  readonly status: number;
  readonly code: string;
  constructor(failure: Failure, status: number, code: string, cause?: unknown) {
    super(failure, cause);
    this.name = 'CursorError';
    this.status = status;
    this.code = code;
  }
}

/** How long to wait where the answer does not say. */
const unnamedWaitMs = 60_000;

const keyFix = 'Set CURSOR_API_KEY (or cursor.apiKey) to a valid key from cursor.com/dashboard; `cyrus doctor` checks it.';
const repositoryFix = 'Give the Cursor GitHub app access to the repository, on cursor.com/dashboard under Integrations.';
const planFix = 'Raise the spend limit or the plan on cursor.com/dashboard; other executors go on meanwhile.';

/** Codes of an answer, whatever its status: the same limit comes as 400, 402, 403 and 429. */
const byCode: Readonly<Record<string, Pick<Failure, 'class' | 'fix'>>> = {
  unauthorized: { class: 'auth', fix: keyFix },
  api_key_not_found: { class: 'auth', fix: keyFix },
  role_forbidden: { class: 'auth', fix: 'Use the key of an account whose role may start cloud agents.' },
  service_account_required: { class: 'auth', fix: 'Use the key of a service account.' },
  feature_unavailable: { class: 'auth', fix: 'Cloud agents are not enabled for this account: enable them on cursor.com/dashboard.' },
  usage_limit_exceeded: { class: 'quota_exhausted', fix: planFix },
  plan_required: { class: 'quota_exhausted', fix: planFix },
  integration_not_connected: { class: 'invalid_request', fix: repositoryFix },
  repository_access: { class: 'invalid_request', fix: repositoryFix },
};

/**
 * Classifies an error answer. `doing` completes "Cursor … while …"; `mutation`: the call asks for something to happen.
 * Pure.
 */
export function classifyAnswer(answer: ErrorAnswer, doing: string, mutation: boolean, now: Instant): CursorError {
  const { status } = answer;
  const parsed = refusal.safeParse(answer.body);
  const code = parsed.success ? parsed.data.error.code : '';
  const said = parsed.success ? oneLine(parsed.data.error.message) : '';
  const words = said === '' ? `status ${status}` : said;
  const known = byCode[code];
  if (known) return failed({ ...known, message: refusalText(known.class, doing, words) }, status, code);
  if (status === 429)
    return failed(
      {
        class: 'rate_limited',
        message: `Cursor's rate limit was reached while ${doing}: ${words}`,
        fix: 'Nothing: it goes on by itself when the limit ends.',
        retryAt: limitedUntil(answer, now),
      },
      status,
      code,
    );
  if (status === 401 || status === 403)
    return failed({ class: 'auth', message: refusalText('auth', doing, words), fix: keyFix }, status, code);
  if (status === 402)
    return failed({ class: 'quota_exhausted', message: refusalText('quota_exhausted', doing, words), fix: planFix }, status, code);
  if (status >= 500 || status === 408)
    return failed(
      {
        class: 'network',
        message: `Cursor answered ${status} while ${doing}.`,
        fix: 'Nothing: it is tried again. See status.cursor.com.',
        ...(mutation ? { ambiguous: true } : {}),
      },
      status,
      code,
    );
  return failed({ class: 'invalid_request', message: refusalText('invalid_request', doing, words) }, status, code);
}

function refusalText(kind: Failure['class'], doing: string, words: string): string {
  const what = { auth: 'did not accept the key', quota_exhausted: 'has reached a limit of the account' } as const;
  const known = kind === 'auth' || kind === 'quota_exhausted' ? what[kind] : 'refused';
  return `Cursor ${known} while ${doing}: ${words}`;
}

/** Nothing was sent: there was no connection to send it on. */
const unsent: readonly unknown[] = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'];

/** A failure to get any answer. Unless there was no connection at all, what was asked for may have happened. */
export function unreachable(cause: unknown, doing: string, mutation: boolean): CursorError {
  let reason = 'unknown reason';
  let sent = true;
  for (let at: unknown = cause, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    reason = at.message || at.name;
    const codes = [at, ...(at instanceof AggregateError ? at.errors : [])].map((one) => (one as { readonly code?: unknown }).code);
    if (codes.some((code) => unsent.includes(code))) {
      sent = false;
      reason = `${codes.find((code) => unsent.includes(code))}`;
    }
  }
  return failed(
    {
      class: 'network',
      message: `No answer from Cursor while ${doing}: ${oneLine(reason)}`,
      fix: 'Check the network and cursor.apiUrl; it is tried again.',
      ...(mutation && sent ? { ambiguous: true } : {}),
    },
    0,
    '',
    cause,
  );
}

const failed = (failure: Failure, status: number, code: string, cause?: unknown): CursorError =>
  new CursorError(failure, status, code, cause);

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 400);

function limitedUntil({ headers }: ErrorAnswer, now: Instant): Instant {
  const after = headers.get('retry-after');
  if (after !== null) {
    const seconds = Number(after);
    if (Number.isFinite(seconds)) return now + Math.max(0, seconds) * 1000;
    const date = Date.parse(after);
    if (!Number.isNaN(date)) return Math.max(now, date);
  }
  const reset = Number(headers.get('x-ratelimit-reset'));
  return reset > 0 ? Math.max(now, reset * 1000) : now + unnamedWaitMs;
}
