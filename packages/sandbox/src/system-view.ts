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

/** bubblewrap arguments that show the host's programs and libraries, read only, and the little of /etc they need. */
export function systemArguments(): string[] {
  const args = ['--ro-bind', '/usr', '/usr'];
  for (const directory of ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']) {
    const entry = lstatSync(directory, { throwIfNoEntry: false });
    if (entry?.isSymbolicLink()) args.push('--symlink', readlinkSync(directory), directory);
    else if (entry) args.push('--ro-bind', directory, directory);
  }
  if (existsSync('/nix/store')) args.push('--ro-bind', '/nix/store', '/nix/store');
  const java = readdirSync('/etc').filter((name) => /^java-|^python3/.test(name));
  for (const name of [...etcEntries, ...java]) {
    const path = `/etc/${name}`;
    // Some are links into directories that are not shown (/run/systemd/resolve): what they lead to is bound in their place.
    if (existsSync(path)) args.push('--ro-bind', realpathSync(path), path);
  }
  return args;
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
