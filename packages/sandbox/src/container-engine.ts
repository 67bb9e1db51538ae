import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import type { Clock } from 'cyrus-core/clock';
import { within } from './within.ts';

/** A container engine of this host, as it was found to work. */
export interface ContainerEngine {
  readonly name: 'podman' | 'docker';
  /** Its command line client. */
  readonly path: string;
  /** The low-level runtime, where the engine's own does not work. */
  readonly runtime?: string;
  readonly rootless: boolean;
  /** Limits of memory and processes are held. */
  readonly limits: boolean;
}

export interface EngineAnswer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the client needs of this process's environment to find its engine; nothing else reaches it. */
export function engineEnvironment(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const kept =
    /^(?:HOME|PATH|USER|LOGNAME|LANG|TMPDIR|SystemRoot|XDG_\w+|DOCKER_(?:HOST|CONTEXT|CONFIG|CERT_PATH|TLS_VERIFY)|CONTAINER(?:S|_HOST|S_CONF|S_STORAGE_CONF)\w*|DBUS_SESSION_BUS_ADDRESS)$/;
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => kept.test(entry[0]) && entry[1] !== undefined),
  );
}

/** Asks the engine one thing. Never rejects; `code` is null when there was no answer within `limitMs`. */
export async function askEngine(
  clock: Clock,
  path: string,
  args: readonly string[],
  { input, limitMs = 30_000 }: { readonly input?: Buffer; readonly limitMs?: number } = {},
): Promise<EngineAnswer> {
  const child = spawn(path, [...args], { cwd: '/', env: engineEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const ended = new Promise<{ readonly code: number | null }>((resolve) => {
    child.once('error', (error) => {
      stderr += error.message;
      resolve({ code: null });
    });
    child.once('close', (code) => resolve({ code }));
  });
  const end = await within(clock, limitMs, ended);
  if (end === undefined) child.kill('SIGKILL');
  return { code: end?.code ?? null, stdout, stderr: end === undefined ? `no answer in ${limitMs / 1000} s` : stderr };
}

/** The first of the names that is a program in a directory of `path`. */
export function findProgram(path: string, ...names: readonly string[]): string | undefined {
  for (const name of names)
    for (const directory of path.split(':').filter((candidate) => candidate.startsWith('/'))) {
      try {
        accessSync(`${directory}/${name}`, constants.X_OK);
        return `${directory}/${name}`;
      } catch {
        // Not here.
      }
    }
  return undefined;
}

/** What this process itself may have, and no more processes than engines may give: an engine's defaults may be more, and are refused then. */
export function hardLimits(): { readonly nofile?: number; readonly nproc?: number } {
  try {
    const text = readFileSync('/proc/self/limits', 'utf8');
    const hard = (name: string): number | undefined => {
      const value = new RegExp(`^${name}\\s+\\S+\\s+(\\d+)`, 'm').exec(text)?.[1];
      return value === undefined ? undefined : Number(value);
    };
    const [nofile, nproc] = [hard('Max open files'), hard('Max processes')];
    return { ...(nofile === undefined ? {} : { nofile }), ...(nproc === undefined ? {} : { nproc: Math.min(nproc, 32_768) }) };
  } catch {
    return {};
  }
}
