import type { Instant } from 'cyrus-core/clock';
import type { Failure, FailureClass } from 'cyrus-core/failure';

/** What the agent tells about a model call that failed for good. */
export interface ApiFailure {
  /** The HTTP status; absent when no answer came. */
  readonly status: number | undefined;
  readonly text: string;
  /** When the API said that asking again makes sense. */
  readonly retryAt?: Instant | undefined;
  readonly apiUrl?: string | undefined;
}

const fixes: Partial<Record<FailureClass, string>> = {
  auth: 'Set ANTHROPIC_API_KEY to a valid key, or log in with the claude command and set claude.auth to "ownLogin".',
  quota_exhausted: "Wait until the limit resets, or raise it in the provider's console.",
  budget_exceeded: 'Raise the budget, or wait until the period ends.',
};

/** Classifies a failed model call by what the API and the agent really say. */
export function classifyApiFailure({ status, text, retryAt, apiUrl }: ApiFailure): Failure {
  const place = apiUrl ? ` at ${apiUrl}` : '';
  const of = (kind: FailureClass, message: string, when?: Instant, fix: string | undefined = fixes[kind]): Failure => ({
    class: kind,
    message,
    ...(fix === undefined ? {} : { fix }),
    ...(when === undefined ? {} : { retryAt: when }),
  });
  const said = text.slice(0, 500);
  if (/credit balance is too low|usage limit|limit reached|hit your .*limit|out of credits|quota/i.test(text)) {
    return of('quota_exhausted', `The provider's limit is used up: ${said}`, limitEnd(text) ?? retryAt);
  }
  if (status === 401 || status === 403) return of('auth', `The model API${place} refused the key (${status}): ${said}`);
  if (/not logged in|\/login|invalid api key|oauth token/i.test(text)) return of('auth', `Claude Code has no valid login: ${said}`);
  // The gateway's own words.
  const refused = status === 402 ? /No budget for this call: ([^"\\]+)/.exec(text)?.[1] : undefined;
  if (refused !== undefined) return of('budget_exceeded', `No budget for another call of the model: ${refused.trim()}`);
  if (status === 402)
    return of(/budget/i.test(text) ? 'budget_exceeded' : 'quota_exhausted', `The model API${place} asks for payment: ${said}`);
  if (status === 429) return of('rate_limited', `The model API${place} limits the rate of calls: ${said}`, retryAt);
  if (status === 408 || (status !== undefined && status >= 500))
    return of('network', `The model API${place} is not able to answer (${status}): ${said}`, retryAt);
  const unknown = status === 404 ? /selected model \(([^()]+)\)|^model: (\S+)/.exec(text) : null;
  if (unknown) {
    const message = `The model API${place} does not know the model ${unknown[1] ?? unknown[2]}, or the key may not use it.`;
    return of('invalid_request', message, undefined, 'Correct the name of the model, or name a fallbackModel.');
  }
  if (status !== undefined && status >= 400)
    return of('invalid_request', `The model API${place} rejected the request (${status}): ${said}`);
  if (/connection|network|econn|enotfound|eai_again|fetch failed|timed? ?out|socket|unable to connect/i.test(text)) {
    return of(
      'network',
      `The model API${place} cannot be reached: ${said}`,
      undefined,
      'Check the address (claude.apiUrl) and the connection.',
    );
  }
  return of('agent_failed', said === '' ? 'The agent ended with an error and said nothing about it.' : `The agent failed: ${said}`);
}

/** `… limit reached|1767225600` and `… regain access on 2026-12-01`. */
function limitEnd(text: string): Instant | undefined {
  const seconds = /\|(\d{10})\b/.exec(text)?.[1];
  if (seconds) return Number(seconds) * 1000;
  const date = /(?:on|at|until) (\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?)/.exec(text)?.[1];
  const parsed = date === undefined ? Number.NaN : Date.parse(date.includes(':') ? `${date.replace(' ', 'T')}Z` : date);
  return Number.isNaN(parsed) ? undefined : parsed;
}

export const missingLogin: Failure = {
  class: 'auth',
  message: 'There is no login for Claude Code: no API key is configured.',
  fix: fixes.auth ?? '',
};
