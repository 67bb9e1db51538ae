import type { Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';

/** What GitHub answered, as far as it matters for what is done next. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
  readonly data: unknown;
}

/** How long GitHub asks to wait after a secondary limit that names no time. @see https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api */
const unnamedWaitMs = 60_000;

const tokenFix = 'Set GITHUB_TOKEN (or github.token) to a valid token; `cyrus doctor` checks it.';

/** Classifies an error answer of GitHub. `doing` completes "GitHub … while …". Pure. */
export function classifyAnswer(answer: ErrorAnswer, doing: string, now: Instant): Failure {
  const { status } = answer;
  const said = saidBy(answer.data);
  const retryAt = limitedUntil(answer, said, now);
  if (retryAt !== undefined)
    return {
      class: 'rate_limited',
      message: `GitHub's rate limit was reached while ${doing}: ${said}`,
      fix: 'Nothing: it goes on by itself when the limit ends.',
      retryAt,
    };
  if (status === 401) return { class: 'auth', message: `GitHub did not accept the token while ${doing}: ${said}`, fix: tokenFix };
  if (status === 403)
    return { class: 'auth', message: `The token may not do this: GitHub refused ${doing}: ${said}`, fix: permissionFix(answer) };
  if (status === 404)
    return {
      class: 'invalid_request',
      message: `GitHub found nothing while ${doing}. It answers the same when the token may not see it.`,
      fix: 'Check the repository name, and that the token has access to it.',
    };
  if (status >= 500 || status === 408)
    return {
      class: 'network',
      message: `GitHub answered ${status} while ${doing}.`,
      fix: 'Nothing: it is tried again. See https://www.githubstatus.com.',
    };
  return { class: 'invalid_request', message: `GitHub refused ${doing} (${status}): ${said}` };
}

/** A failure to get any answer. What was asked for may have happened all the same. */
export function unreachable(cause: unknown, doing: string): Failure {
  return {
    class: 'network',
    message: `No answer from GitHub while ${doing}: ${reasonOf(cause)}`,
    fix: 'Check the network and github.apiUrl; it is tried again.',
  };
}

/** The innermost reason with a code, as `connect ECONNREFUSED 127.0.0.1:1`. */
function reasonOf(cause: unknown): string {
  let reason = 'unknown reason';
  for (let at: unknown = cause, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) reason = at.message || at.name;
  return reason.slice(0, 200);
}

function limitedUntil({ status, headers, data }: ErrorAnswer, said: string, now: Instant): Instant | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const retryAfter = headers['retry-after'];
  if (retryAfter !== undefined) {
    const seconds = Number(retryAfter);
    return Number.isFinite(seconds) ? now + seconds * 1000 : serverTime(String(retryAfter), headers, now);
  }
  if (String(headers['x-ratelimit-remaining']) === '0' && headers['x-ratelimit-reset'] !== undefined)
    return serverTime(new Date(Number(headers['x-ratelimit-reset']) * 1000).toUTCString(), headers, now);
  const named = /rate limit|abuse detection/i.test(`${said} ${typeof data === 'string' ? data : ''}`);
  return status === 429 || named ? now + unnamedWaitMs : undefined;
}

/** A time by GitHub's clock as a time by ours: the two may differ by more than the wait. */
function serverTime(date: string, headers: ErrorAnswer['headers'], now: Instant): Instant {
  const then = Date.parse(date);
  const theirNow = Date.parse(String(headers['date']));
  if (Number.isNaN(then)) return now + unnamedWaitMs;
  return Math.max(now, now + (then - (Number.isNaN(theirNow) ? now : theirNow)));
}

function permissionFix({ headers }: ErrorAnswer): string {
  const accepted = headers['x-accepted-github-permissions'] ?? headers['x-accepted-oauth-scopes'];
  if (headers['x-github-sso'] !== undefined)
    return 'Authorise the token for the organisation (single sign-on) in the GitHub settings of the token.';
  const needed = accepted ? String(accepted) : 'contents: write, pull requests: write, checks: read, commit statuses: read';
  return `Give the token the permissions it lacks (${needed}), then retry.`;
}

/** GitHub's own words, with the reason of each field it complains of; one line. */
function saidBy(data: unknown): string {
  if (typeof data !== 'object' || data === null) return 'no reason given';
  const { message, errors } = data as { message?: unknown; errors?: unknown };
  const details = (Array.isArray(errors) ? errors : []).map((error: unknown) => {
    if (typeof error !== 'object' || error === null) return String(error);
    const { message: own, field, code } = error as Record<string, unknown>;
    return typeof own === 'string' ? own : `${String(field)} is ${String(code)}`;
  });
  const text = [typeof message === 'string' ? message : 'no reason given', ...details].join('; ');
  return text.replace(/\s+/g, ' ').slice(0, 400);
}
