import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { createLinear, type LinearClient } from 'cyrus-linear/client';
import { paceOf } from 'cyrus-linear/rate';
import { type LinearWrite, perform } from 'cyrus-linear/writes';
import type { ClaimedWrite } from 'cyrus-store/queries/outbound-claim';
import { linearTokenOf } from './linear-token.ts';
import type { Perform, WriteOutcome } from './outcome.ts';

/** Sends the writes of one Linear workspace, at the pace that its limits leave. The token is looked up for each, so a new one is used at once. */
export function performLinear(options: { readonly workspace: string; readonly config: () => Config; readonly clock: Clock }): Perform {
  const { workspace, clock } = options;
  let known: { readonly token: string; readonly apiUrl: string; readonly client: LinearClient } | undefined;

  function clientFor(config: Config): LinearClient | undefined {
    const token = linearTokenOf(config, workspace);
    if (token === undefined) return undefined;
    const { apiUrl } = config.linear;
    if (known?.token !== token || known.apiUrl !== apiUrl) known = { token, apiUrl, client: createLinear({ apiUrl, token, clock }) };
    return known.client;
  }

  return async (write, signal) => {
    const client = clientFor(options.config());
    if (!client) return withoutToken(workspace);
    const pace = paceOf(client.rate(), clock.now());
    if (pace.pace === 'stop') {
      return { state: 'retry', failure: { class: 'rate_limited', message: "Linear's rate limit is reached", retryAt: pace.until } };
    }
    if (pace.pace === 'spread') await clock.sleep(pace.gapMs, signal);
    const outcome = await perform(client, linearWriteOf(write), signal);
    if (outcome.state !== 'sent') return outcome;
    return { state: 'sent', result: outcome.remoteId === undefined ? {} : { remoteId: outcome.remoteId } };
  };
}

/** The row's payload, under the row's id: the same row sent twice is one activity. */
function linearWriteOf(write: ClaimedWrite): LinearWrite {
  return { ...write.payload, kind: write.kind, id: write.id } as unknown as LinearWrite;
}

function withoutToken(workspace: string): WriteOutcome {
  const message = `No Linear token is configured for workspace ${workspace}`;
  return { state: 'retry', failure: { class: 'auth', message, fix: 'set LINEAR_TOKEN, linear.token or linearWorkspaces' } };
}
