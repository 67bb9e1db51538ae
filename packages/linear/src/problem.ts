import type { Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import { cleanLine } from './clean.ts';
import { retryAfter } from './rate.ts';

/** Why a call to Linear gave no data, by what is done about it. */
export interface LinearProblem {
  /** `retry`: the same call may succeed later, with the same ids. `rejected`: it never will. */
  readonly action: 'retry' | 'rejected';
  readonly failure: Failure;
  /** What Linear said, for matching: every message and every text meant for people. Empty where it said nothing. */
  readonly said: readonly string[];
}

/** One GraphQL error as Linear sends it. */
interface LinearError {
  readonly message?: unknown;
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** An answer that arrived. `errors` is undefined where the body was no GraphQL answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly errors: readonly LinearError[] | undefined;
}

/** No answer: nobody knows whether the call had its effect, so it is made again with the same ids. */
export function noAnswer(reason: string): LinearProblem {
  return { action: 'retry', failure: { class: 'network', message: `Linear did not answer: ${reason}` }, said: [] };
}

/**
 * Names the problem of an answer without usable data. By meaning, not by HTTP status: Linear sends resolver failures with
 * status 200 and rate limits with 400.
 */
export function problemOf(answer: Answer, now: Instant): LinearProblem {
  const { status, headers, errors } = answer;
  if (!errors) return withoutVerdict(status, headers, now);
  const said = errors.flatMap(({ message, extensions }) => [message, extensions?.['userPresentableMessage']]).filter(isText);
  const is = (code: string, type: string): boolean =>
    errors.some(({ extensions }) => extensions?.['code'] === code || lower(extensions?.['type']) === type);
  const text = cleanLine([...new Set(said)].join(' · ') || `status ${status}`, 500);
  const problem = (action: LinearProblem['action'], failure: Failure): LinearProblem => ({ action, failure, said });
  if (status === 429 || is('RATELIMITED', 'ratelimited')) return { ...rateLimited(headers, now), said };
  if (status === 401 || is('AUTHENTICATION_ERROR', 'authentication error')) return { ...unauthenticated(), said };
  if (status === 403 || is('FORBIDDEN', 'forbidden')) {
    return problem('rejected', {
      class: 'auth',
      message: `Linear forbids this: ${text}`,
      fix: "check the app's scopes and its access to the team",
    });
  }
  if (errors.some(({ extensions }) => isServerFault(extensions)) || (status >= 500 && status !== 501)) {
    return problem('retry', { class: 'network', message: `Linear has an internal error: ${text}` });
  }
  return problem('rejected', { class: 'invalid_request', message: `Linear refused: ${text}` });
}

/** A body that is not GraphQL comes from something before Linear: no verdict on the call, so it is made again. */
function withoutVerdict(status: number, headers: Headers, now: Instant): LinearProblem {
  if (status === 429) return rateLimited(headers, now);
  if (status === 401) return unauthenticated();
  const fix = status >= 500 || status < 300 ? {} : { fix: 'check linear.apiUrl' };
  return {
    action: 'retry',
    failure: { class: 'network', message: `Linear answered with status ${status} and no GraphQL body`, ...fix },
    said: [],
  };
}

function rateLimited(headers: Headers, now: Instant): LinearProblem {
  const failure: Failure = { class: 'rate_limited', message: "Linear's rate limit is reached", retryAt: retryAfter(headers, now) };
  return { action: 'retry', failure, said: [] };
}

function unauthenticated(): LinearProblem {
  const failure: Failure = { class: 'auth', message: 'Linear does not accept the token', fix: 'set a valid LINEAR_TOKEN or linear.token' };
  return { action: 'retry', failure, said: [] };
}

/** `userError: true` is Linear's word that the caller is at fault, whatever else the error says. */
function isServerFault(extensions: Readonly<Record<string, unknown>> | undefined): boolean {
  if (!extensions || extensions['userError'] === true) return false;
  const { code, statusCode } = extensions;
  if (typeof statusCode === 'number') return statusCode >= 500 && statusCode !== 501;
  return code === 'INTERNAL_SERVER_ERROR' || ['internal error', 'network error', 'lock timeout'].includes(lower(extensions['type']));
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const lower = (value: unknown): string => (typeof value === 'string' ? value.toLowerCase() : '');
