import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Config } from 'cyrus-core/config/schema';
import { isPrivate } from 'cyrus-sandbox/egress/private-address';
import type { Check, ConfiguredPatient } from '../check.ts';
import { type Finding, warning } from '../finding.ts';

/** One name of the lists of hosts. @param addresses where it leads; none: nowhere */
export function judgeEgress(entry: string, addresses: readonly string[], listed: ReadonlySet<string>): readonly Finding[] {
  const name = `egress ${entry}`;
  if (addresses.length === 0)
    return [
      warning(name, 'cannot be resolved', {
        why: 'Agents, setup and checks are told that there is no such host.',
        fix: 'Look at its spelling in sandbox.egress and sandbox.setupEgress, at /etc/resolv.conf and at the network.',
      }),
    ];
  const refused = addresses.filter((address) => isPrivate(address) && !listed.has(address));
  if (refused.length < addresses.length) return [];
  return [
    warning(name, `leads to ${refused.join(', ')}, an address of this machine or its network, which the proxy refuses`, {
      why: 'Listing the name is not enough: names can be made to lead anywhere.',
      fix: `If agents may reach it, list ${refused[0]} beside "${entry}".`,
    }),
  ];
}

/** What is listed, without ports; patterns and `registries` are no single host. */
export function listedHosts(config: Pick<Config, 'sandbox' | 'repositories'>): readonly string[] {
  const lists = [config.sandbox, ...config.repositories.filter(({ isActive }) => isActive).map(({ sandbox }) => sandbox)];
  const entries = lists.flatMap((list) => [...(list?.egress ?? []), ...(list?.setupEgress ?? [])]);
  return [...new Set(entries.filter((entry) => entry !== 'registries' && !entry.startsWith('*.')).map(hostOf))];
}

function hostOf(entry: string): string {
  if (isIP(entry) !== 0) return entry;
  return entry.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

export const egressCheck: Check<ConfiguredPatient> = {
  name: 'egress',
  async run({ config }) {
    const hosts = listedHosts(config);
    const listed = new Set(hosts);
    const looked = hosts
      .filter((host) => isIP(host) === 0)
      .map(async (host) => {
        const found = await lookup(host, { all: true }).catch(() => []);
        return judgeEgress(
          host,
          found.map(({ address }) => address),
          listed,
        );
      });
    return (await Promise.all(looked)).flat();
  },
};
