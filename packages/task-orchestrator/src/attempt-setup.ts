import type { Effects, JobEnd } from 'cyrus-core/domain/effects';
import type { CheckoutInfo } from 'cyrus-core/domain/plan';
import { formatDuration } from 'cyrus-core/duration';
import type { Failure } from 'cyrus-core/failure';
import { code } from './answers.ts';
import { action, type Listener, thought } from './tracker-writes.ts';

/** Where and to whom the making of a checkout is told. */
export interface CheckoutTold {
  readonly attemptId: string;
  readonly planId: string;
  readonly taskId: string;
  readonly listeners: readonly Listener[];
  readonly effects: Effects;
}

/** What a person should know of a new checkout, and for the record what was copied into it. */
export function tellCheckout({ attemptId, planId, taskId, listeners, effects }: CheckoutTold, checkout: CheckoutInfo): void {
  if (checkout.reused) return;
  const { copied, remarks = [] } = checkout;
  if (copied) effects.events.push({ type: 'checkout.copied', planId, taskId, attemptId, payload: { ...copied } });
  if (remarks.length === 0) return;
  for (const to of listeners) effects.writes.push(thought(to, `attempt:${attemptId}:remarks`, remarks.join('\n'), planId));
}

/** The payload of the setup job and what is shown of it; null: there is nothing to set up, or it has been done. */
export function setupOf(
  configured: { readonly command: string; readonly timeoutMs: number } | null,
  checkout: CheckoutInfo,
): { readonly payload: Record<string, unknown>; readonly shown: string } | null {
  const { directory, setupScript } = checkout;
  if (checkout.setUp ?? checkout.reused) return null;
  if (configured) return { payload: { directory, ...configured }, shown: code(configured.command) };
  if (setupScript === undefined) return null;
  return { payload: { directory, script: setupScript }, shown: `${code(setupScript)} (of the base branch)` };
}

export function tellSetup({ attemptId, planId, listeners, effects }: CheckoutTold, shown: string): void {
  for (const to of listeners) effects.writes.push(action(to, `attempt:${attemptId}:setup`, 'Setting up', shown, planId));
}

/** The failure of a setup that did not end well; otherwise it is told how long it took. */
export function setupEnded(told: CheckoutTold, shown: string, jobEnd: JobEnd): Failure | undefined {
  const { exitCode, output, durationMs } = (jobEnd.result ?? {}) as { exitCode?: number; output?: string; durationMs?: number };
  if (jobEnd.state !== 'failed' && exitCode === 0) {
    const { attemptId, planId, listeners, effects } = told;
    const result = `done${durationMs === undefined ? '' : ` in ${formatDuration(durationMs)}`}`;
    for (const to of listeners) effects.writes.push(action(to, `attempt:${attemptId}:setup:done`, 'Set up', shown, planId, result));
    return undefined;
  }
  const why = jobEnd.failure?.message ?? `it ended with code ${exitCode}`;
  return {
    class: 'setup_failed',
    message: `The setup command failed: ${why}.${output ? `\n\n${output.slice(-1500)}` : ''}`,
    fix: jobEnd.failure?.fix ?? `Mend the setup command of the repository (${shown}), then write here to try again.`,
  };
}
