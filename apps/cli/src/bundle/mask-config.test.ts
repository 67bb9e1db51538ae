import { expect, test } from 'vitest';
import { maskConfig } from './mask-config.ts';

test('secrets are masked wherever they are; the rest stays as it is', () => {
  const config = {
    linear: { token: 'a', webhookSecret: 'b', apiUrl: 'https://api.linear.app/graphql' },
    github: { app: { appId: 7, privateKey: 'c', privateKeyPath: '/keys/app.pem' } },
    claude: { apiKey: 'd' },
    database: { url: 'postgres://user:pass@host/db' },
    repositories: [{ id: 'app', remoteUrl: 'https://token@github.com/a/b.git', githubToken: 'e', environmentVariables: { HARMLESS: 'f' } }],
    executors: { mine: { command: 'run', environmentVariables: { KEY: 'g' } } },
    verify: { services: [{ name: 'db', command: 'postgres', env: { PASS: 'h' } }] },
    linearWorkspaces: { w: { linearToken: 'i', linearRefreshToken: 'j' } },
    drainMs: 5,
    limits: { maxCostPerDayUsd: null },
  };
  expect(maskConfig(config)).toEqual({
    linear: { token: '***', webhookSecret: '***', apiUrl: 'https://api.linear.app/graphql' },
    github: { app: { appId: 7, privateKey: '***', privateKeyPath: '/keys/app.pem' } },
    claude: { apiKey: '***' },
    database: { url: 'postgres://***@host/db' },
    repositories: [
      { id: 'app', remoteUrl: 'https://***@github.com/a/b.git', githubToken: '***', environmentVariables: { HARMLESS: '***' } },
    ],
    executors: { mine: { command: 'run', environmentVariables: { KEY: '***' } } },
    verify: { services: [{ name: 'db', command: 'postgres', env: { PASS: '***' } }] },
    linearWorkspaces: { w: { linearToken: '***', linearRefreshToken: '***' } },
    drainMs: 5,
    limits: { maxCostPerDayUsd: null },
  });
});
