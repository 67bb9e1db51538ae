import type { SandboxSpec } from 'cyrus-core/ports/sandbox';
import type { ContainerEngine } from './container-engine.ts';
import { type Mount, mountsOf } from './mounts.ts';
import { runMarker } from './process-table.ts';
import type { SystemPaths } from './system-view.ts';

export interface ContainerRun {
  readonly engine: ContainerEngine;
  readonly image: string;
  /** Shown in an image that has nothing of its own. */
  readonly system?: SystemPaths;
  /** Names the container; `label` names the service that it dies with. */
  readonly name: string;
  readonly label: string;
  readonly uid: number;
  readonly gid: number;
  readonly memoryMb?: number;
  readonly pids: number;
  readonly nofile?: number;
  readonly nproc?: number;
  /** The engine's word for the network: `none`, `host`, `container:…`. */
  readonly network: string;
}

/** The arguments of the engine's client, and the variables it is given for them. */
export interface ContainerCommand {
  readonly args: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * One run as a command line: nothing of the host but the spec's paths, the root read only, no capability, no new ones, a /tmp of its own.
 * Values of variables are not in it: argv is readable for every user of the host. They go through the client's environment, under names
 * that mean nothing to the client, and get their own from the shell that is the container's first process and reaps orphans.
 * @throws Error for a path that the engine cannot be told
 */
export function containerCommand(run: ContainerRun, spec: SandboxSpec): ContainerCommand {
  const variables: Record<string, string> = {};
  const renames: string[] = [];
  const direct: string[] = [];
  for (const [index, [name, value]] of Object.entries(spec.env).entries()) {
    if (name === runMarker) continue;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new Error(`the variable "${name}" cannot be given to a command in a container`);
    const hidden = `CYRUS_V${index}`;
    variables[hidden] = value;
    direct.push('--env', hidden);
    renames.push(`${name}="$${hidden}"; export ${name}; unset ${hidden}`);
  }
  const { engine } = run;
  const script = [...renames, 'cd -- "$1" || exit 125', 'shift', '"$@"', 'exit $?'].join('\n');
  return {
    variables,
    args: [
      ...runtimeArguments(engine).before,
      ...['run', '--rm', '--interactive', '--pull', 'never', '--name', run.name, '--label', `cyrus=${run.label}`],
      ...runtimeArguments(engine).after,
      // What is removed is killed at once, not asked first.
      ...['--log-driver', 'none', '--sig-proxy=false', '--stop-timeout', '0', '--network', run.network],
      ...['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--security-opt', 'label=disable'],
      ...userArguments(run),
      ...(engine.limits ? ['--pids-limit', String(run.pids)] : []),
      ...(engine.limits && run.memoryMb !== undefined ? ['--memory', `${run.memoryMb}m`] : []),
      ...(run.nofile === undefined ? [] : ['--ulimit', `nofile=${run.nofile}:${run.nofile}`]),
      ...(run.nproc === undefined ? [] : ['--ulimit', `nproc=${run.nproc}:${run.nproc}`]),
      ...['/tmp', '/run', '/var/tmp'].flatMap((path) => ['--tmpfs', `${path}:rw,exec,nosuid,nodev,mode=1777`]),
      ...[...systemMounts(run.system), ...mountsOf(spec)].flatMap(mountArguments),
      ...['--env', `${runMarker}=${spec.runId}`, ...direct],
      ...['--workdir', '/', '--entrypoint', '/bin/sh', run.image, '-c', script, 'sh', spec.cwd, spec.command, ...spec.args],
    ],
  };
}

/** How the engine is told its low-level runtime: before the word `run`, or after it. */
export function runtimeArguments({ name, runtime }: ContainerEngine): {
  readonly before: readonly string[];
  readonly after: readonly string[];
} {
  const words = runtime === undefined ? [] : ['--runtime', runtime];
  return name === 'podman' ? { before: words, after: [] } : { before: [], after: words };
}

/** Files that the command makes belong to this service's account: root of a rootless engine is the account that runs it. */
const userArguments = ({ engine, uid, gid }: ContainerRun): readonly string[] => ['--user', engine.rootless ? '0:0' : `${uid}:${gid}`];

/** The engine writes these itself. */
const ofTheEngine = new Set(['/etc/hosts', '/etc/hostname', '/etc/resolv.conf']);

function systemMounts(system: SystemPaths | undefined): readonly Mount[] {
  return (system?.mounts ?? []).filter(({ to }) => !ofTheEngine.has(to)).map(({ from, to }) => ({ from, to, writable: false }));
}

function mountArguments({ from, to, writable }: Mount): readonly string[] {
  const odd = [from, to].find((path) => /[,"\n]/.test(path));
  if (odd !== undefined)
    throw new Error(`${JSON.stringify(odd)}: a container engine cannot be told a path with a comma, a quote or a line break`);
  return ['--mount', `type=bind,source=${from},target=${to}${writable ? '' : ',readonly'}`];
}
