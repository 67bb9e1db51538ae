import { configSchema } from 'cyrus-core/config/schema';
import { expect, test } from 'vitest';
import { secretsOf } from './secrets.ts';

test('what agents are given as a secret is one, by the name of its variable', () => {
  const environmentVariables = {
    MODEL_API_KEY: 'of-the-model',
    NPM_TOKEN: 'of-the-registry',
    NODE_ENV: 'production',
    SORT_KEY: 'created_at',
  };
  const config = configSchema.parse({
    executors: { mine: { command: 'x', environmentVariables } },
    repositories: [{ id: 'app', remoteUrl: 'x', environmentVariables: { DB_PASSWORD: 'of-the-database', REGION: 'eu-west-1' } }],
  });
  expect(secretsOf(config).toSorted()).toEqual(['of-the-database', 'of-the-model', 'of-the-registry']);
});
