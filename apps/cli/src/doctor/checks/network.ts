import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Config } from 'cyrus-core/config/schema';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

/** @param unknown hosts whose name says nothing to this machine */
export function judgeNames(hosts: readonly string[], unknown: readonly string[]): Finding {
  if (unknown.length === 0) return ok('names', hosts.length > 0 ? hosts.join(', ') : 'all addresses are numbers');
  return error('names', `${unknown.join(', ')} cannot be resolved`, {
    why: 'Without an address nothing can be asked of them, and nothing told.',
    fix: 'Look at the spelling of the addresses in config.json, at /etc/resolv.conf and at the network.',
  });
}

const proxyNames = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];

/** Node.js takes no notice of a proxy unless it is told to; git and curl do. */
export function judgeProxy(environment: NodeJS.ProcessEnv): readonly Finding[] {
  const set = proxyNames.filter((name) => environment[name]);
  if (set.length === 0) return [];
  if (environment['NODE_USE_ENV_PROXY'] === '1') return [ok('proxy', `${set.join(', ')}, used by Node.js too`)];
  return [
    warning('proxy', `${set.join(', ')} is set, and Node.js takes no notice of it by itself`, {
      why: 'git, agents and calls of the model go through the proxy, calls to Linear and GitHub do not.',
      fix: 'Start Cyrus with NODE_USE_ENV_PROXY=1 (Node.js 24, or 22.21 and newer).',
    }),
  ];
}

export const networkCheck: Check<ConfiguredPatient> = {
  name: 'names',
  async run({ config, environment }) {
    const hosts = [...new Set(addresses(config).map((address) => new URL(address).hostname))].filter(
      (host) => isIP(host.replace(/^\[|\]$/g, '')) === 0,
    );
    const unknown = await Promise.all(
      hosts.map((host) =>
        lookup(host).then(
          () => [],
          () => [host],
        ),
      ),
    );
    return [judgeNames(hosts, unknown.flat()), ...judgeProxy(environment)];
  },
};

/** Addresses that are used with this configuration. */
function addresses(config: Config): readonly string[] {
  return [
    ...(config.linear.token ? [config.linear.apiUrl] : []),
    ...(config.github.token ? [config.github.apiUrl] : []),
    ...(config.executor === 'claude' && (config.claude.apiKey !== undefined || config.claude.auth === 'ownLogin')
      ? [config.claude.apiUrl ?? 'https://api.anthropic.com']
      : []),
  ].filter((address) => URL.canParse(address));
}
