export interface SeatbeltPaths {
  /** Real paths: seatbelt does not follow links in a profile. */
  readonly readable: readonly string[];
  readonly writable: readonly string[];
  /** `open`: everything; else only these ports of this machine's loopback. */
  readonly network: 'open' | readonly number[];
}

/** What programs need to run; nothing of anybody's home, and of /etc no more than names, certificates and the time zone. */
const systemPaths = [
  '/usr',
  '/bin',
  '/sbin',
  '/System',
  '/Library/Apple',
  '/Library/Developer/CommandLineTools',
  '/Library/Frameworks',
  '/opt/homebrew',
  '/opt/local',
  '/private/etc/ssl',
  '/private/var/db/timezone',
  '/private/var/db/dyld',
  '/private/var/select',
];
const systemFiles = [
  '/',
  '/dev/null',
  '/dev/zero',
  '/dev/random',
  '/dev/urandom',
  '/dev/tty',
  '/private/etc/hosts',
  '/private/etc/passwd',
  '/private/etc/group',
  '/private/etc/services',
  '/private/etc/protocols',
  '/private/etc/localtime',
  '/private/etc/shells',
];
const services = [
  'com.apple.system.opendirectoryd.libinfo',
  'com.apple.system.opendirectoryd.membership',
  'com.apple.system.logger',
  'com.apple.system.notification_center',
  'com.apple.bsd.dirhelper',
  'com.apple.trustd.agent',
];

/**
 * A profile for macOS's `sandbox-exec`: everything is refused but what stands here. Later rules win over earlier ones, so that a
 * readable path inside a writable one stays read only.
 */
export function seatbeltProfile({ readable, writable, network }: SeatbeltPaths): string {
  const shown = [...readable.map((path) => ({ path, writable: false })), ...writable.map((path) => ({ path, writable: true }))].sort(
    (a, b) => a.path.length - b.path.length,
  );
  return [
    '(version 1)',
    '(deny default)',
    '(allow process-fork)',
    '(allow process-exec)',
    '(allow signal (target same-sandbox))',
    '(allow process-info* (target same-sandbox))',
    '(allow sysctl-read)',
    '(allow ipc-posix-sem)',
    '(allow pseudo-tty)',
    // Names and sizes of files can be seen everywhere: no path could be walked without that. Their content cannot.
    '(allow file-read-metadata)',
    `(allow file-read* ${systemPaths.map((path) => subpath(path)).join(' ')} ${systemFiles.map((path) => `(literal ${quoted(path)})`).join(' ')})`,
    `(allow file-write-data (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty"))`,
    '(allow file-ioctl (literal "/dev/tty"))',
    `(allow mach-lookup ${services.map((name) => `(global-name ${quoted(name)})`).join(' ')})`,
    ...shown.flatMap(({ path, writable: open }) =>
      open
        ? [`(allow file-read* file-write* ${subpath(path)})`]
        : [`(allow file-read* ${subpath(path)})`, `(deny file-write* ${subpath(path)})`],
    ),
    ...networkRules(network),
  ].join('\n');
}

function networkRules(network: SeatbeltPaths['network']): readonly string[] {
  if (network === 'open')
    return ['(allow network*)', '(allow mach-lookup (global-name "com.apple.mDNSResponder"))', '(allow system-socket)'];
  return network.map((port) => `(allow network-outbound (remote ip "localhost:${port}"))`);
}

const subpath = (path: string): string => `(subpath ${quoted(path)})`;

function quoted(text: string): string {
  if (/[\0\n\r]/.test(text)) throw new Error(`${JSON.stringify(text)} cannot stand in a profile`);
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
