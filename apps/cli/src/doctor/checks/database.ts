import type { Check, ConfiguredPatient } from '../check.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

export function judgeDatabase(facts: DatabaseFacts, external: boolean): readonly Finding[] {
  const name = 'database';
  if (facts.state === 'unmade') return [ok(name, 'will be made at the first start')];
  if (facts.state === 'away')
    return [
      error(name, facts.message, {
        why: 'Nothing runs without it; what it holds is untouched.',
        fix: external
          ? 'Mend DATABASE_URL (database.url), or start that server.'
          : 'Do what the message says; logs/postgres.log of the home has more.',
      }),
    ];
  const { used, max } = facts.health.connections;
  if (used <= max * 0.8) return [ok(name, facts.description)];
  return [
    warning(name, `${facts.description}: ${used} of ${max} connections are in use`, {
      why: 'When none is left, webhooks are answered with 503 and work waits.',
      fix: external
        ? 'Raise max_connections of that server, or end what else uses it.'
        : 'End commands that hang: cyrus logs -f and the like.',
    }),
  ];
}

export const databaseCheck: Check<ConfiguredPatient> = {
  name: 'database',
  run: async ({ database, config }) => judgeDatabase(await database(), config.database !== undefined),
};
