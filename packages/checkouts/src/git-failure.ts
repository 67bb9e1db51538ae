import type { Failure, FailureClass } from 'cyrus-core/failure';

const meanings: readonly (readonly [RegExp, FailureClass, string?])[] = [
  // A helper of git was killed: by the kernel, short of memory, or by hand.
  [/died of signal \d+/, 'sandbox_lost'],
  [/No space left on device|Disk quota exceeded/i, 'setup_failed', 'Free some disk space.'],
  [
    /could not read (Username|Password)|Authentication failed|HTTP 40[13]|error: 40[13]|Permission denied \(|invalid credentials|Authorization error|Git credentials for .* not found/i,
    'auth',
    'Check the token and what it may access.',
  ],
  [/Host key verification failed/i, 'auth', 'Connect once with ssh by hand so that the host key is known.'],
  [/error: 429|HTTP 429/i, 'rate_limited'],
  [
    /(Repository|repository '.*') not found|does not appear to be a git repository|does not exist|error: 404|not a git repository/i,
    'invalid_request',
    'Check the address of the repository and that the token may see it.',
  ],
  [/' exists; cannot create '|directory file conflict/i, 'invalid_request', 'Rename or delete the branch that is in the way of this one.'],
  [
    /protected branch|pre-receive hook declined|remote rejected|\[rejected\]|refusing to allow/i,
    'invalid_request',
    'Check the rules of the repository for the branch.',
  ],
  [
    /Could not resolve host|Failed to connect|Couldn't connect|Connection (refused|reset|timed out)|Network is unreachable|early EOF|hung up unexpectedly|unexpected disconnect|RPC failed|error: 5\d\d|TLS|SSL|Operation timed out|Empty reply/i,
    'network',
  ],
];

/** What a git that failed says, as a failure of the closed set. `did` completes "Could not …". */
export function gitFailure(did: string, stderr: string): Failure {
  const [, kind, fix] = meanings.find(([pattern]) => pattern.test(stderr)) ?? [undefined, 'setup_failed' as const];
  const said = lastWords(stderr);
  return { class: kind, message: `Could not ${did}${said === '' ? '.' : `: ${said}`}`, ...(fix === undefined ? {} : { fix }) };
}

/** The lines that matter, short, and without credentials somebody put into a URL. */
function lastWords(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const telling = lines.filter((line) => /^(fatal|error|remote|!)/.test(line));
  return (telling.length > 0 ? telling : lines)
    .slice(-3)
    .join(' ')
    .replace(/\/\/[^/@\s]*@/g, '//')
    .slice(0, 500);
}
