import type { IsolationReport } from 'cyrus-sandbox/detect';
import { isAccepted, isolationFix } from '../../isolation.ts';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

/** What agents are held in, and whether the configuration accepts none. */
export function judgeIsolation(
  report: Pick<IsolationReport, 'isolation' | 'detail' | 'fix'>,
  config: Parameters<typeof isAccepted>[1],
): Finding {
  if (report.isolation !== 'none') return ok('isolation', report.detail);
  if (isAccepted(report.isolation, config))
    return warning('isolation', `none, and "allowUnsandboxed" accepts that. ${report.detail}`, {
      why: 'Agents can read and write whatever this user can, secrets included.',
      fix: report.fix ?? 'Install bubblewrap (apt-get install bubblewrap, dnf install bubblewrap).',
    });
  return error('isolation', report.detail, {
    why: 'cyrus start and cyrus run refuse to run agents that nothing holds in, or not what "sandbox.isolation" names.',
    fix: isolationFix(report.fix, config),
  });
}

export const isolationCheck: Check<ConfiguredPatient> = {
  name: 'isolation',
  run: async ({ isolation, config }) => [judgeIsolation(await isolation(), config)],
};
