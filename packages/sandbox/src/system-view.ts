import { existsSync, lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';

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

/** The host's programs and libraries, and the little of /etc they need. */
export interface SystemPaths {
  /** Shown read only; `from` is where the content is. */
  readonly mounts: readonly { readonly from: string; readonly to: string }[];
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

export function systemPaths(): SystemPaths {
  const mounts = [{ from: '/usr', to: '/usr' }];
  const links: { path: string; target: string }[] = [];
  for (const directory of ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']) {
    const entry = lstatSync(directory, { throwIfNoEntry: false });
    if (entry?.isSymbolicLink()) links.push({ path: directory, target: readlinkSync(directory) });
    else if (entry) mounts.push({ from: directory, to: directory });
  }
  if (existsSync('/nix/store')) mounts.push({ from: '/nix/store', to: '/nix/store' });
  const java = readdirSync('/etc').filter((name) => /^java-|^python3/.test(name));
  for (const name of [...etcEntries, ...java]) {
    const path = `/etc/${name}`;
    // Some are links into directories that are not shown (/run/systemd/resolve): what they lead to is bound in their place.
    if (existsSync(path)) mounts.push({ from: realpathSync(path), to: path });
  }
  return { mounts, links };
}

/** bubblewrap arguments for it. */
export const systemArguments = (): string[] => argumentsOf(systemPaths());

/**
 * bubblewrap arguments for programs and their libraries alone: what a program of our own needs that asks for no name, no certificate and no
 * user. Every mount takes time, and most of them are those of /etc.
 */
export function programArguments(): string[] {
  const { mounts, links } = systemPaths();
  const needed = mounts.filter(({ to }) => !to.startsWith('/etc/') || to === '/etc/ld.so.cache');
  return argumentsOf({ mounts: needed, links });
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
