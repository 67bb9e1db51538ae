import type { Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import type { Checks } from 'cyrus-github/code-host';

/** A repository whose checks have not shown up by then has none. */
const checksShowUpMs = 10 * 60_000;
/** Checks that take longer are a person's business. */
const longestMs = 24 * 3_600_000;
const lookAgainMs = 30_000;

export type Ready =
  | { readonly do: 'ready' }
  | { readonly do: 'wait'; readonly failure: Failure }
  | { readonly do: 'leave'; readonly why: string };

/** What becomes of a draft, by what the checks of its commit say; null: it is no draft any more, closed, or has moved on. Pure. */
export function decideReady(checks: Checks['state'] | null, since: Instant, now: Instant): Ready {
  if (checks === null) return { do: 'leave', why: 'it is no draft of this commit any more' };
  if (checks === 'success') return { do: 'ready' };
  if (checks === 'failure') return { do: 'leave', why: 'its checks have failed' };
  if (checks === 'none' && now - since >= checksShowUpMs) return { do: 'leave', why: 'it has no checks' };
  if (now - since >= longestMs) return { do: 'leave', why: 'its checks took longer than a day' };
  return { do: 'wait', failure: { class: 'timeout', message: 'The checks of the pull request are not over.', retryAt: now + lookAgainMs } };
}
