import { existsSync } from 'node:fs';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

/** What is said when the configuration cannot be used. @param message every mistake, with its fix */
export const brokenConfiguration = (message: string): Finding =>
  error('configuration', message, {
    why: 'Nothing starts with it. What depends on it was not checked.',
    fix: 'Mend config.json; check it with: cyrus config validate',
  });

export const configurationCheck: Check<ConfiguredPatient> = {
  name: 'configuration',
  run: ({ home, warnings }) => [
    ok('configuration', existsSync(home.configFile) ? home.configFile : `no ${home.configFile}: everything by its default`),
    ...warnings.map(({ path, message }) =>
      warning('configuration', `${path} ${message}`, {
        why: 'It loads, and does not do what it seems to say.',
        fix: `Change or remove ${path} in config.json.`,
      }),
    ),
  ],
};
