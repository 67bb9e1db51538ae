import type { HostFiles } from './host-files.ts';
import type { Credentials } from './remote.ts';

/** Configuration of every git on the host, stronger than any repository's own: nothing of what a repository says is executed. */
const always: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.attributesFile': '/dev/null',
  'core.excludesFile': '/dev/null',
  'credential.helper': '',
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'submodule.recurse': 'false',
  'fetch.recurseSubmodules': 'false',
  'push.recurseSubmodules': 'no',
  'protocol.allow': 'never',
  'protocol.https.allow': 'always',
  'protocol.http.allow': 'always',
  'protocol.ssh.allow': 'always',
  'advice.detachedHead': 'false',
};

/** What git, ssh and curl need of the host: how to reach the network, and the user's ssh agent. */
const passedOn = [
  'PATH',
  'SSH_AUTH_SOCK',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
];

export interface GitEnvironmentOptions {
  readonly host: NodeJS.ProcessEnv;
  /** Stronger than `always`, for one command. */
  readonly config?: Readonly<Record<string, string>>;
  readonly credentials?: Credentials;
  readonly files: HostFiles;
  /** Finds a git left behind by a service that was killed. */
  readonly runId: string;
}

/** The whole environment of a git on the host, built from nothing: no configuration of the user or of the system is read. */
export function gitEnvironment(options: GitEnvironmentOptions): Record<string, string> {
  const environment: Record<string, string> = {
    CYRUS_RUN: options.runId,
    LC_ALL: 'C',
    HOME: '/nonexistent',
    GIT_CONFIG_GLOBAL: options.files.config,
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_NO_LAZY_FETCH: '1',
    GIT_SSH_COMMAND: 'ssh -o BatchMode=yes',
    GIT_PAGER: 'cat',
    GIT_EDITOR: 'false',
    GIT_ASKPASS: options.files.askpass,
  };
  for (const name of passedOn) {
    const value = options.host[name];
    if (value !== undefined) environment[name] = value;
  }
  if (options.credentials !== undefined) {
    environment['CYRUS_ASK_ORIGIN'] = options.credentials.origin;
    environment['CYRUS_ASK_USERNAME'] = options.credentials.username;
    environment['CYRUS_ASK_PASSWORD'] = options.credentials.password;
  }
  const entries = Object.entries({ ...always, ...options.config });
  environment['GIT_CONFIG_COUNT'] = String(entries.length);
  entries.forEach(([key, value], index) => {
    environment[`GIT_CONFIG_KEY_${index}`] = key;
    environment[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return environment;
}
