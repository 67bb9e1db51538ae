import { accessSync, constants } from 'node:fs';
import { systemClock } from 'cyrus-core/clock';
import type { Isolation, Sandbox, SandboxNetwork } from 'cyrus-core/ports/sandbox';
import { createBubblewrap } from './bubblewrap.ts';
import { within } from './within.ts';

export interface IsolationReport {
  readonly isolation: Isolation;
  /** One sentence for a person: what was found. */
  readonly detail: string;
  /** Present with `none`: what to do to get isolation. */
  readonly fix?: string;
  readonly bwrapPath?: string;
  readonly nsenterPath?: string;
  readonly canDisableUserns?: boolean;
}

export interface DetectOptions {
  /** Skips the probe; for tests and for a user who wants no isolation although there could be one. */
  readonly force?: Isolation;
  /** Where to look for `bwrap`; default `$PATH`. */
  readonly path?: string;
}

const probeLimitMs = 30_000;

/** What this host can hold an agent in, by really running a command that way. Takes about 20 ms. */
export async function detectIsolation({ force, path = process.env['PATH'] ?? '' }: DetectOptions = {}): Promise<IsolationReport> {
  if (force === 'none') return { isolation: 'none', detail: 'Isolation is switched off.', fix: 'Remove the setting that switches it off.' };
  if (process.platform !== 'linux') {
    return { isolation: 'none', detail: `No isolation for agents on ${process.platform}.`, fix: 'Run Cyrus on Linux with bubblewrap.' };
  }
  const bwrapPath = findProgram(path, 'bwrap');
  if (bwrapPath === undefined) {
    return {
      isolation: 'none',
      detail: 'bubblewrap is not installed.',
      fix: 'Install it: apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora).',
    };
  }
  // It is as good as everywhere; where PATH is a short one, too.
  const nsenterPath = findProgram(`${path}:/usr/bin:/bin:/usr/sbin`, 'nsenter');
  if (nsenterPath === undefined) {
    const fix = 'Install util-linux, which nsenter is part of.';
    return { isolation: 'none', detail: 'nsenter is not installed: the network of agents could not be closed.', fix };
  }
  const strict = process.getuid?.() === 0 ? await probe({ bwrapPath, nsenterPath, canDisableUserns: true }) : 'not needed';
  if (strict === undefined) return found({ bwrapPath, nsenterPath, canDisableUserns: true });
  const complaint = await probe({ bwrapPath, nsenterPath, canDisableUserns: false });
  if (complaint === undefined) return found({ bwrapPath, nsenterPath, canDisableUserns: false });
  return { isolation: 'none', detail: `${bwrapPath} does not work here: ${complaint}`, fix: fixFor(complaint) };
}

interface Programs {
  readonly bwrapPath: string;
  readonly nsenterPath: string;
  readonly canDisableUserns: boolean;
}

const found = (programs: Programs): IsolationReport => ({
  isolation: 'bwrap',
  detail: `Agents run in bubblewrap (${programs.bwrapPath}), with a closed network.`,
  ...programs,
});

function findProgram(path: string, name: string): string | undefined {
  return path
    .split(':')
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => `${directory}/${name}`)
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Undefined when a command in a closed network works, else what bubblewrap said. */
async function probe(programs: Programs): Promise<string | undefined> {
  const sandbox = createBubblewrap({ clock: systemClock, ...programs });
  try {
    const network = await sandbox.openNetwork?.({ runId: 'probe', doors: [] });
    try {
      return await probeCommand(sandbox, network ?? 'none');
    } finally {
      await network?.close();
    }
  } catch (error) {
    return (error as Error).message;
  }
}

async function probeCommand(sandbox: Sandbox, network: SandboxNetwork): Promise<string | undefined> {
  const run = sandbox.spawn({
    runId: 'probe',
    command: 'true',
    args: [],
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    writable: [],
    readable: [],
    network,
  });
  let said = '';
  run.child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  run.child.stdout?.resume();
  const late = (await within(systemClock, probeLimitMs, run.exited)) === undefined;
  if (late) await run.kill();
  const { code, spawnError } = await run.exited;
  if (code === 0) return undefined;
  return late ? `no answer in ${probeLimitMs / 1000} s` : said.trim().split('\n')[0] || spawnError?.message || `it ended with ${code}`;
}

/** What to do about bubblewrap's own complaint. */
export function fixFor(complaint: string): string {
  if (/proc/i.test(complaint) && /not permitted|denied/i.test(complaint)) {
    return 'This looks like a container that hides /proc: run it with --security-opt systempaths=unconfined --security-opt seccomp=unconfined, or run Cyrus on the host.';
  }
  if (/uid map|namespace|RTM_NEWADDR|not permitted|denied/i.test(complaint)) {
    return 'User namespaces are restricted: allow them for bwrap (Ubuntu 24.04: an AppArmor profile for /usr/bin/bwrap with "userns,", or sysctl kernel.apparmor_restrict_unprivileged_userns=0; Debian: sysctl kernel.unprivileged_userns_clone=1).';
  }
  return 'Update bubblewrap to 0.4 or newer.';
}
