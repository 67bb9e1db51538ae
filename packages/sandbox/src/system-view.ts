import { closeSync, existsSync, lstatSync, openSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';

/**
 * What of /etc a program needs to run: names, certificates, libraries, time zone. Everything else stays outside,
 * because /etc is where a host keeps its keys, and a sandbox started by root can read what root owns.
 */
const etcEntries = [
  'alternatives',
  'ca-certificates',
  'ca-certificates.conf',
  'crypto-policies',
  'debian_version',
  'fonts',
  'gai.conf',
  'group',
  'host.conf',
  'hostname',
  'hosts',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'locale.alias',
  'locale.conf',
  'localtime',
  'magic',
  'mime.types',
  'networks',
  'nsswitch.conf',
  'os-release',
  'passwd',
  'perl',
  'pki/ca-trust/extracted',
  'pki/tls/cert.pem',
  'pki/tls/certs',
  'protocols',
  'resolv.conf',
  'services',
  'ssl/cert.pem',
  'ssl/certs',
  'ssl/openssl.cnf',
  'terminfo',
  'timezone',
];

/** A larger file is shown rather than copied. */
const copiedBytes = 262_144;

interface Shown {
  readonly from: string;
  readonly to: string;
}

/** The host's programs and libraries, and the little of /etc they need. */
export interface SystemPaths {
  /** Shown read only; `from` is where the content is. */
  readonly mounts: readonly Shown[];
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

export function systemPaths(): SystemPaths {
  const { mounts, links } = programPaths();
  return { mounts: [...mounts, ...etcPaths()], links };
}

function programPaths(): SystemPaths {
  const mounts = [{ from: '/usr', to: '/usr' }];
  const links: { path: string; target: string }[] = [];
  for (const directory of ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']) {
    const entry = lstatSync(directory, { throwIfNoEntry: false });
    if (entry?.isSymbolicLink()) links.push({ path: directory, target: readlinkSync(directory) });
    else if (entry) mounts.push({ from: directory, to: directory });
  }
  if (existsSync('/nix/store')) mounts.push({ from: '/nix/store', to: '/nix/store' });
  return { mounts, links };
}

function etcPaths(): readonly Shown[] {
  const versioned = readdirSync('/etc').filter((name) => /^java-|^python3/.test(name));
  // Some are links into directories that are not shown (/run/systemd/resolve): what they lead to is shown in their place.
  return [...etcEntries, ...versioned]
    .map((name) => `/etc/${name}`)
    .filter((path) => existsSync(path))
    .map((path) => ({ from: realpathSync(path), to: path }));
}

/** bubblewrap arguments for the system, which hold as long as the descriptors are open that they name. */
export interface SystemView {
  readonly args: readonly string[];
  /** To be given to bubblewrap from number `first` on. */
  readonly files: readonly number[];
  close(): void;
}

/**
 * Every mount takes bubblewrap and the kernel about 0.2 ms. So of /etc only directories are mounted: a small file is copied by
 * bubblewrap from a descriptor, and what lies in a directory that is shown is linked to.
 */
export function openSystemView(first: number): SystemView {
  const programs = programPaths();
  const args = argumentsOf(programs);
  const files: number[] = [];
  const close = (): void => {
    for (const file of files.splice(0)) closeSync(file);
  };
  try {
    for (const { from, to } of etcPaths()) {
      if (programs.mounts.some((mount) => from.startsWith(`${mount.to}/`))) args.push('--symlink', from, to);
      else if (isSmallFile(from)) {
        const file = openIfAllowed(from);
        if (file !== undefined) args.push('--file', String(first + files.push(file) - 1), to);
      } else args.push('--ro-bind', from, to);
    }
  } catch (error) {
    close();
    throw error;
  }
  return { args, files, close };
}

function isSmallFile(path: string): boolean {
  const entry = statSync(path, { throwIfNoEntry: false });
  return entry?.isFile() === true && entry.size <= copiedBytes;
}

/** Undefined where this user may not read it: inside, nobody could either. */
function openIfAllowed(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    return undefined;
  }
}

/**
 * bubblewrap arguments for programs and their libraries alone: what a program of our own needs that asks for no name, no certificate and no
 * user.
 */
export function programArguments(): string[] {
  const cache = '/etc/ld.so.cache';
  return [...argumentsOf(programPaths()), ...(existsSync(cache) ? ['--ro-bind', cache, cache] : [])];
}

function argumentsOf({ mounts, links }: SystemPaths): string[] {
  return [
    ...mounts.flatMap(({ from, to }) => ['--ro-bind', from, to]),
    ...links.flatMap(({ path, target }) => ['--symlink', target, path]),
  ];
}

/**
 * bubblewrap arguments that close /proc to a sandbox started by root. Its user id is the host's root even without any capability,
 * and /proc/sys/kernel/core_pattern, for one, asks for nothing but that id: writing it runs a program outside.
 */
export function closedProcArguments(): string[] {
  const args: string[] = [];
  for (const name of readdirSync('/proc')) {
    const path = `/proc/${name}`;
    if (/^\d+$/.test(name) || lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) continue;
    const entry = statSync(path, { throwIfNoEntry: false });
    if (entry === undefined) continue;
    if (entry.isDirectory()) args.push('--ro-bind', path, path);
    else if ((entry.mode & 0o222) !== 0 || (entry.mode & 0o004) === 0) args.push('--ro-bind', '/dev/null', path);
  }
  return args;
}
