import type { Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';

/** What the service answered, as far as it matters for what is done next. */
export interface RefusedAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined where the body is no JSON. */
  readonly body: unknown;
}

/** The address of the hosted service, which is no more. */
export const hostedUrl = 'https://api.codegen.com';

/** How long to wait after a 429 that names no time: the window of the limit on creates. */
const unnamedWaitMs = 60_000;
const longestWaitMs = 65 * 60_000;

const tokenFix = 'Set CODEGEN_API_TOKEN (or codegen.apiToken) to a valid token; `cyrus doctor` checks it.';

/** What is said where something else than the service's API answers. */
export function discontinued(baseUrl: string, what: string): Failure {
  const hosted = isHosted(baseUrl);
  return {
    class: 'missing_binary',
    message: `At ${baseUrl} there is no Codegen API any more: ${what}. The hosted service was discontinued in January 2026; installations of one's own go on.`,
    fix: hosted
      ? 'Set codegen.baseUrl to your own installation of Codegen, or codegen.enabled to false and use another executor.'
      : 'Check that codegen.baseUrl is the address of your installation’s API, or set codegen.enabled to false.',
  };
}

export const isHosted = (baseUrl: string): boolean => /^https?:\/\/(?:[\w-]+\.)*codegen\.com(?:[:/]|$)/i.test(baseUrl);

/** Classifies a refusal. `doing` completes "Codegen … while …". Pure. `changes`: the call may have taken effect although it was answered 5xx. */
export function classifyRefusal(
  answer: RefusedAnswer,
  { doing, baseUrl, now, changes }: { readonly doing: string; readonly baseUrl: string; readonly now: Instant; readonly changes: boolean },
): Failure {
  const { status, body } = answer;
  const said = saidBy(body);
  if (status === 401) return { class: 'auth', message: `Codegen did not accept the API token while ${doing}${colon(said)}`, fix: tokenFix };
  if (status === 402)
    return {
      class: 'quota_exhausted',
      message: `The runs of your Codegen plan are used up${colon(said)}`,
      fix: 'Raise the plan in Codegen, or let another executor do the work.',
    };
  if (status === 403)
    return {
      class: 'auth',
      message: `Codegen refused ${doing}: the token has no access to this organisation${colon(said)}`,
      fix: 'Set CODEGEN_ORG_ID (or codegen.orgId) to an organisation of the token’s user; `cyrus codegen setup` lists them.',
    };
  if (status === 404 || status === 410) return notThere(answer, doing, baseUrl, said);
  if (status === 422)
    return { class: 'invalid_request', message: `Codegen refused ${doing}: ${fieldsOf(body) || said || 'no reason given'}` };
  if (status === 429)
    return {
      class: 'rate_limited',
      message: `Codegen's rate limit was reached while ${doing}${colon(said)}`,
      fix: 'Nothing: it goes on by itself when the limit ends.',
      retryAt: retryAt(answer.headers, now),
    };
  if (status >= 500 || status === 408)
    return {
      class: 'network',
      message: `Codegen answered ${status} while ${doing}.`,
      fix: 'Nothing: it is tried again.',
      ...(changes ? { ambiguous: true } : {}),
    };
  return { class: 'invalid_request', message: `Codegen refused ${doing} (${status})${colon(said)}` };
}

/** A 404 in the service's own words is about what was asked for; any other says that the service is not there. */
function notThere({ status, body }: RefusedAnswer, doing: string, baseUrl: string, said: string): Failure {
  const own = typeof body === 'object' && body !== null && 'message' in body;
  if (!own || status === 410) return discontinued(baseUrl, `it answers ${status}`);
  if (/repo/i.test(said))
    return {
      class: 'invalid_request',
      message: `Codegen has no repositories in this organisation${colon(said)}`,
      fix: 'Install Codegen’s GitHub app for the repository, in the settings of the organisation in Codegen.',
    };
  return { class: 'invalid_request', message: `Codegen found nothing while ${doing}${colon(said)}` };
}

/** A failure to get any answer, or a whole one. */
export function unreachable(
  cause: unknown,
  { doing, baseUrl, changes }: { readonly doing: string; readonly baseUrl: string; readonly changes: boolean },
): Failure {
  const certain = neverConnected(cause);
  const hint = certain && isHosted(baseUrl) ? ' The hosted service was discontinued in January 2026.' : '';
  return {
    class: 'network',
    message: `No answer from Codegen at ${baseUrl} while ${doing}: ${reasonOf(cause)}.${hint}`,
    fix: 'Check the network and codegen.baseUrl.',
    ...(changes && !certain ? { ambiguous: true } : {}),
  };
}

const beforeTheRequest =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_\w+|ERR_SSL_\w+|CERT_\w+|\w*CERT\w*)$/;

/** Nothing of the request can have reached the service. */
function neverConnected(cause: unknown): boolean {
  const codes = chain(cause).flatMap((error) => {
    const all = error instanceof AggregateError ? error.errors : [error];
    return all.map((one: unknown) => (one as { code?: unknown }).code).filter((code) => typeof code === 'string');
  });
  return codes.length > 0 && codes.every((code) => beforeTheRequest.test(code));
}

/** The innermost reason with a text, as `connect ECONNREFUSED 127.0.0.1:1`. */
function reasonOf(cause: unknown): string {
  const innermost = chain(cause).at(-1);
  if (!innermost) return 'unknown reason';
  const first: unknown = innermost instanceof AggregateError ? innermost.errors[0] : innermost;
  const text = first instanceof Error ? first.message || (first as { code?: string }).code || first.name : String(first);
  return text.replace(/[\s.]+$/, '').slice(0, 200);
}

function chain(cause: unknown): readonly Error[] {
  const errors: Error[] = [];
  for (let at: unknown = cause; at instanceof Error && errors.length < 5; at = at.cause) errors.push(at);
  return errors;
}

/** `Retry-After` as the service sends it, if it does: that it will is not written anywhere. */
function retryAt(headers: Headers, now: Instant): Instant {
  const told = headers.get('retry-after');
  if (told === null) return now + unnamedWaitMs;
  const seconds = Number(told);
  const then = Number.isFinite(seconds) ? now + seconds * 1000 : now + (Date.parse(told) - (Date.parse(headers.get('date') ?? '') || now));
  return Number.isNaN(then) ? now + unnamedWaitMs : Math.min(Math.max(then, now + 1000), now + longestWaitMs);
}

/** `prompt: Field required; repo_id: Input should be a valid integer` */
function fieldsOf(body: unknown): string {
  const { detail } = (body ?? {}) as { detail?: unknown };
  if (!Array.isArray(detail)) return '';
  const lines = detail.map((one: unknown) => {
    const { loc, msg } = (one ?? {}) as { loc?: unknown; msg?: unknown };
    const where = Array.isArray(loc) ? loc.filter((part) => part !== 'body' && part !== 'path' && part !== 'query').join('.') : '';
    return `${where || 'request'}: ${typeof msg === 'string' ? msg : 'not accepted'}`;
  });
  return lines.join('; ').slice(0, 400);
}

/** The service's own words; one line. */
function saidBy(body: unknown): string {
  const { message, detail } = (typeof body === 'object' && body !== null ? body : {}) as { message?: unknown; detail?: unknown };
  const text = typeof message === 'string' ? message : typeof detail === 'string' ? detail : '';
  return text.replace(/\s+/g, ' ').trim().slice(0, 400);
}

const colon = (said: string): string => (said === '' ? '.' : `: ${said}`);
