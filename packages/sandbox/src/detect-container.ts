import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import { createContainer } from './container.ts';
import { askEngine, type ContainerEngine, findProgram } from './container-engine.ts';
import { ensureHostImage } from './host-image.ts';
import { probe } from './probe.ts';
import { systemPaths } from './system-view.ts';

/** What the configuration says of containers. */
export interface ContainerChoice {
  readonly engine?: 'podman' | 'docker';
  /** Absent: the host's own programs, shown in an empty image. */
  readonly image?: string;
  readonly memoryMb?: number;
  readonly pids?: number;
}

/** A container engine that works, with everything `createContainer` needs. */
export interface FoundContainer {
  readonly engine: ContainerEngine;
  readonly image: string;
  readonly hostSystem: boolean;
  readonly memoryMb?: number;
  readonly pids?: number;
}

/**
 * The first container engine that really runs a command as agents run: with the host's files where they are, written by this account.
 * Where none does: why, by engine; empty when none is installed. Takes half a second.
 */
export async function detectContainer(clock: Clock, path: string, choice: ContainerChoice): Promise<FoundContainer | readonly string[]> {
  const complaints: string[] = [];
  for (const name of choice.engine ? [choice.engine] : (['podman', 'docker'] as const)) {
    const client = findProgram(path, name);
    if (client === undefined) {
      if (choice.engine) complaints.push(`${name} is not installed`);
      continue;
    }
    const found = await detectEngine(clock, path, choice, { name, client });
    if (typeof found !== 'string') return found;
    complaints.push(`${client}: ${found}`);
  }
  return complaints;
}

async function detectEngine(
  clock: Clock,
  path: string,
  choice: ContainerChoice,
  { name, client }: { readonly name: ContainerEngine['name']; readonly client: string },
): Promise<FoundContainer | string> {
  const format = name === 'podman' ? '{{.Host.Security.Rootless}}' : '{{.SecurityOptions}}';
  const info = await askEngine(clock, client, ['info', '--format', format]);
  if (info.code !== 0) return firstLine(info.stderr) ?? `it ended with ${info.code}`;
  const rootless = /true|rootless/.test(info.stdout);
  const hostSystem = choice.image === undefined;
  if (hostSystem && process.platform !== 'linux')
    return 'it needs sandbox.container.image here: an image with git and whatever the checks need';
  let complaint = '';
  // What the engine has chosen itself comes first; limits are worth more than its choice of a runtime.
  for (const limits of [true, false])
    for (const runtime of [undefined, ...runtimes(path, name)]) {
      const engine: ContainerEngine = { name, path: client, rootless, limits, ...(runtime === undefined ? {} : { runtime }) };
      try {
        const image = choice.image ?? (await ensureHostImage(clock, engine, systemPaths()));
        if (choice.image) await haveImage(clock, engine, choice.image);
        const { memoryMb, pids } = choice;
        const found = {
          engine,
          image,
          hostSystem,
          ...(memoryMb === undefined ? {} : { memoryMb }),
          ...(pids === undefined ? {} : { pids }),
        };
        const wrong = await probeFiles(clock, found);
        if (wrong === undefined) return found;
        complaint ||= wrong;
      } catch (error) {
        return (error as Error).message;
      }
    }
  return complaint;
}

/** Podman's own choice does not work on every host where the other runtime does. */
function runtimes(path: string, name: ContainerEngine['name']): readonly string[] {
  return name === 'podman' ? ['crun', 'runc'].filter((runtime) => findProgram(`${path}:/usr/sbin:/sbin`, runtime) !== undefined) : [];
}

async function haveImage(clock: Clock, engine: ContainerEngine, image: string): Promise<void> {
  const there = await askEngine(clock, engine.path, ['image', 'inspect', '--format', '{{.Id}}', image]);
  if (there.code !== 0) throw new Error(`the image ${image} is not there: ${engine.name} pull ${image}`);
}

/** Undefined when a command in a container wrote a file of ours where we find it, else what went wrong. */
async function probeFiles(clock: Clock, found: FoundContainer): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-probe-'));
  try {
    await chmod(directory, 0o700);
    const sandbox = createContainer({ clock, ...found });
    const complaint = await probe(clock, sandbox, {
      command: 'sh',
      args: ['-c', 'echo here > made'],
      cwd: directory,
      writable: [directory],
    });
    if (complaint !== undefined) return complaint;
    const text = await readFile(join(directory, 'made'), 'utf8').catch(() => '');
    if (text !== 'here\n') return 'its containers do not see the files of this host';
    const { uid } = await stat(join(directory, 'made'));
    return uid === process.getuid?.() ? undefined : `what its containers write belongs to the account ${uid}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function firstLine(text: string): string | undefined {
  return text.trim().split('\n').at(-1)?.slice(0, 300) || undefined;
}
