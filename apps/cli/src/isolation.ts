import { systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { Isolation, Sandbox } from 'cyrus-core/ports/sandbox';
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

type Wanted = Pick<Config, 'allowUnsandboxed'> & { readonly sandbox: Pick<Config['sandbox'], 'isolation'> };

/** Whether agents may run in what was found. An isolation that is asked for by name is held to: without it they never run without any. */
export const isAccepted = (found: Isolation, { allowUnsandboxed, sandbox }: Wanted): boolean =>
  found !== 'none' || (allowUnsandboxed && sandbox.isolation === undefined);

/** What to do where it is not accepted; `fix` mends what was found. */
export function isolationFix(fix: string | undefined, { allowUnsandboxed, sandbox }: Wanted): string {
  const mend = fix ?? 'Install bubblewrap (apt-get install bubblewrap, dnf install bubblewrap).';
  if (sandbox.isolation === undefined)
    return `${mend} Or accept that agents can read and write whatever this user can: set "allowUnsandboxed": true (or CYRUS_ALLOW_UNSANDBOXED=1).`;
  const otherwise = allowUnsandboxed ? 'the first that works, or none, as "allowUnsandboxed" accepts' : 'the first that works';
  return `${mend} Or take "isolation": "${sandbox.isolation}" out of "sandbox", which holds agents to it: then they run in ${otherwise}.`;
}

/**
 * The sandbox agents run in.
 * @throws CliError 78 where there is none and the configuration does not allow that, or asks for one by name
 */
export async function openSandbox(
  config: Pick<Config, 'allowUnsandboxed' | 'sandbox'>,
): Promise<{ readonly sandbox: Sandbox; readonly report: IsolationReport }> {
  const report = await isolationOf(config);
  if (!isAccepted(report.isolation, config))
    throw new CliError(`Agents cannot be isolated on this machine: ${report.detail}`, {
      code: exitCode.configuration,
      fix: isolationFix(report.fix, config),
    });
  return { sandbox: createSandbox({ ...report, clock: systemClock }), report };
}
