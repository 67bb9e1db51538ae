import { linearWorkspaces } from 'cyrus-core/config/workspaces';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

const fix = 'Have the clock set by the network: timedatectl set-ntp true (or start chronyd).';

/** @param skewMs how far this clock is ahead of Linear's */
export function judgeClock(skewMs: number): Finding {
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const detail = `${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} Linear's`;
  if (seconds <= 30) return ok('clock', `within ${Math.max(1, seconds)} s of Linear's`);
  if (Math.abs(skewMs) > 23 * 3_600_000)
    return error('clock', detail, {
      why: 'Webhooks whose time is a day off are refused, and tokens and certificates seem to have ended.',
      fix,
    });
  return warning('clock', detail, { why: 'Times in logs and budgets of a day are wrong, tokens are renewed too late.', fix });
}

export const clockCheck: Check<ConfiguredPatient> = {
  name: 'clock',
  async run({ config, clock, signal }) {
    if (linearWorkspaces(config).length === 0 && config.linear.clientId === undefined) return [];
    const asked = clock.now();
    const response = await fetch(config.linear.apiUrl, { method: 'POST', body: '{}', redirect: 'manual', signal }).catch(() => undefined);
    const date = Date.parse(response?.headers.get('date') ?? '');
    await response?.body?.cancel();
    // Linear's own check tells that it cannot be reached.
    if (Number.isNaN(date)) return [];
    return [judgeClock((asked + clock.now()) / 2 - (date + 500))];
  },
};
