import type { Config } from 'cyrus-core/config/schema';
import type { FailureClass } from 'cyrus-core/failure';
import { outcomeOfFailure, type Perform, rejected } from './outcome.ts';

const timeoutMs = 15_000;

/** Sends alerts to the address of the configuration, as `{"text": …}`. The other side knows no keys: after a crash one may come twice. */
export function performAlerts({ config }: { readonly config: () => Config }): Perform {
  return async ({ payload }, signal) => {
    const { webhookUrl } = config().budgets.alerts;
    if (webhookUrl === undefined) return rejected('No address for alerts is configured.', 'Set budgets.alerts.webhookUrl.');
    let status: number;
    try {
      const answer = await fetch(webhookUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text: payload['text'] }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        redirect: 'manual',
      });
      status = answer.status;
      await answer.body?.cancel();
    } catch {
      // The error would name the address, which is as good as a password.
      return outcomeOfFailure({ class: 'network', message: 'The address for alerts cannot be reached.' });
    }
    if (status >= 200 && status < 300) return { state: 'sent', result: {} };
    const kind: FailureClass = status === 429 ? 'rate_limited' : status === 408 || status >= 500 ? 'network' : 'invalid_request';
    return outcomeOfFailure({
      class: kind,
      message: `The address for alerts answers ${status}.`,
      fix: 'Look at budgets.alerts.webhookUrl.',
    });
  };
}
