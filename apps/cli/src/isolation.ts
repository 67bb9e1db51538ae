import { systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { detectIsolation, type IsolationReport } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { CliError, exitCode } from './cli-error.ts';

/** What holds agents in on this machine, as the configuration wants it. */
export function isolationOf({ sandbox }: Pick<Config, 'sandbox'>): Promise<IsolationReport> {
  const { isolation, container, memoryMb } = sandbox;
  return detectIsolation({
    ...(isolation === undefined ? {} : { force: isolation }),
    container: { ...container, ...(memoryMb === undefined ? {} : { memoryMb }) },
  });
}

/**
 * The sandbox agents run in.
 * @throws CliError 78 where there is none and the configuration does not allow that
 */
export async function openSandbox(
  config: Pick<Config, 'allowUnsandboxed' | 'sandbox'>,
): Promise<{ readonly sandbox: Sandbox; readonly report: IsolationReport }> {
  const report = await isolationOf(config);
  if (report.isolation === 'none' && !config.allowUnsandboxed)
    throw new CliError(`Agents cannot be isolated on this machine: ${report.detail}`, {
      code: exitCode.configuration,
      fix: `${report.fix ?? 'Install bubblewrap.'} Or accept that agents can read and write whatever this user can: set "allowUnsandboxed": true (or CYRUS_ALLOW_UNSANDBOXED=1).`,
    });
  return { sandbox: createSandbox({ ...report, clock: systemClock }), report };
}
