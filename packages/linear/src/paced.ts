import type { Clock } from 'cyrus-core/clock';
import { err } from 'cyrus-core/result';
import type { LinearClient } from './client.ts';
import type { LinearProblem } from './problem.ts';
import { paceOf } from './rate.ts';

/** A longer wait is the caller's to plan. */
const longestWaitMs = 30_000;

/**
 * The same client at the pace that its credential's limits leave, whoever calls: while a limit is used up no call is made, and
 * near the limit calls are spread over the time that is left.
 */
export function paced(client: LinearClient, clock: Clock): LinearClient {
  let blocked = { since: 0, until: 0 };
  let nextAt = 0;
  return {
    rate: () => client.rate(),
    uploadOrigin: client.uploadOrigin,
    download: (url, limits, signal) => client.download(url, limits, signal),
    async request(document, variables, signal) {
      const now = clock.now();
      const pace = paceOf(client.rate(), now);
      // A clock that was set back does not make a wait longer.
      const blockedUntil = now < blocked.since ? 0 : blocked.until;
      if (blockedUntil > now || pace.pace === 'stop') return err(limited(Math.max(blockedUntil, pace.pace === 'stop' ? pace.until : 0)));
      if (pace.pace === 'spread') {
        const at = Math.max(now, nextAt);
        if (at - now > longestWaitMs) return err(limited(at));
        nextAt = at + pace.gapMs;
        if (at > now) await clock.sleep(at - now, signal);
      }
      const answer = await client.request(document, variables, signal);
      if (!answer.ok && answer.error.failure.class === 'rate_limited' && client.rate().endpoint?.remaining !== 0)
        blocked = { since: clock.now(), until: answer.error.failure.retryAt ?? 0 };
      return answer;
    },
  };
}

const limited = (retryAt: number): LinearProblem => ({
  action: 'retry',
  failure: { class: 'rate_limited', message: "Linear's rate limit is reached", retryAt },
  said: [],
});
