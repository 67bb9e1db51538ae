import type { IsolationReport } from 'cyrus-sandbox/detect';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

/** What agents are held in, and whether the configuration accepts none. */
export function judgeIsolation(report: Pick<IsolationReport, 'isolation' | 'detail' | 'fix'>, allowUnsandboxed: boolean): Finding {
  const fix = report.fix ?? 'Install bubblewrap (apt-get install bubblewrap, dnf install bubblewrap).';
  if (report.isolation !== 'none') return ok('isolation', report.detail);
  if (allowUnsandboxed)
    return warning('isolation', `none, and "allowUnsandboxed" accepts that. ${report.detail}`, {
      why: 'Agents can read and write whatever this user can, secrets included.',
      fix,
    });
  return error('isolation', report.detail, {
    why: 'cyrus start and cyrus run refuse to run agents that nothing holds in.',
    fix: `${fix} Or accept it: "allowUnsandboxed": true.`,
  });
}

export const isolationCheck: Check<ConfiguredPatient> = {
  name: 'isolation',
  run: async ({ isolation, config }) => [judgeIsolation(await isolation(), config.allowUnsandboxed)],
};
