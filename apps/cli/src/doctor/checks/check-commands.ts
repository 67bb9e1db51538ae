import { systemClock } from 'cyrus-core/clock';
import type { RepositoryConfig } from 'cyrus-core/config/schema';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { runCommand } from 'cyrus-edge-worker/jobs/run-command';
import { toolEnvironment } from 'cyrus-edge-worker/jobs/tool-environment';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok } from '../finding.ts';

/** The program a command begins with; undefined for what only a shell or a checkout can tell. */
export function programOf(command: string): string | undefined {
  const words = command
    .trim()
    .split(/\s+/)
    .filter((word) => !/^\w+=/.test(word));
  const [first] = words;
  return first !== undefined && /^[\w.+-]+$/.test(first) ? first : undefined;
}

/** @param missing programs that are not there where checks run */
export function judgeCommands(id: string, programs: readonly string[], missing: readonly string[]): Finding {
  const name = `checks of ${id}`;
  if (missing.length === 0) return ok(name, `${programs.join(', ')} can be run`);
  return error(name, `${missing.join(', ')} cannot be found in the sandbox`, {
    why: 'Checks end with "command not found", so that no work passes.',
    fix: `Install it system-wide (/usr/bin, /usr/local/bin), or show its directory to the sandbox: "sandbox": {"readable": ["/path/whose/bin/has/it"]}.`,
  });
}

export const checkCommandsCheck: Check<ConfiguredPatient> = {
  name: 'check commands',
  async run({ config, sandbox, signal }) {
    const holder = await sandbox();
    const tools = toolEnvironment(config.sandbox.readable ?? []);
    const look = async ({ id, verify }: RepositoryConfig): Promise<readonly Finding[]> => {
      const commands = verify?.commands ?? config.verify?.commands ?? [];
      const programs = [...new Set(commands.flatMap((command) => programOf(command) ?? []))];
      if (programs.length === 0) return [];
      return [judgeCommands(id, programs, await missingOf(holder, tools, programs, signal))];
    };
    return (await Promise.all(config.repositories.filter(({ isActive }) => isActive).map(look))).flat();
  },
};

/** Of programs, those that cannot be found where agents and checks run. */
export async function missingOf(
  sandbox: Sandbox,
  tools: ReturnType<typeof toolEnvironment>,
  programs: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const script = 'for program in "$@"; do command -v "$program" >/dev/null || echo "missing $program"; done';
  const { output } = await runCommand({
    sandbox,
    clock: systemClock,
    signal,
    spec: {
      runId: `doctor-${process.pid}`,
      command: 'sh',
      args: ['-c', script, 'sh', ...programs],
      cwd: '/',
      env: tools.env,
      writable: [],
      readable: tools.readable,
      network: 'none',
    },
    timeoutMs: 10_000,
    outputBytes: 8_000,
  });
  return [...output.matchAll(/^missing (.+)$/gm)].map(([, program = '']) => program);
}
