import { expect, test } from 'vitest';
import { agentEnv } from './agent-env.ts';

const options = { searchPath: '/usr/bin', home: '/c', gitIdentity: { name: 'Cyrus', email: 'c@example.com' }, maxRetries: 3 };

test('it holds what an agent needs and nothing of this process', () => {
  const env = agentEnv({ ...options, apiUrl: 'http://gateway', apiKey: 'sk' });
  expect(env).toMatchObject({
    PATH: '/usr/bin',
    HOME: '/c',
    CLAUDE_CONFIG_DIR: '/c/.claude',
    TMPDIR: '/c/tmp',
    ANTHROPIC_BASE_URL: 'http://gateway',
    ANTHROPIC_API_KEY: 'sk',
    GIT_AUTHOR_NAME: 'Cyrus',
    GIT_COMMITTER_EMAIL: 'c@example.com',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    CLAUDE_CODE_MAX_RETRIES: '3',
  });
  expect(Object.keys(env).filter((name) => name.startsWith('VITEST'))).toEqual([]);
});

test('the variables of a request win over defaults, not over what holds the agent in place', () => {
  const env = agentEnv({
    ...options,
    apiKey: 'sk',
    variables: { LANG: 'de_DE.UTF-8', MINE: '1', HOME: '/root', ANTHROPIC_API_KEY: 'other', DISABLE_AUTOUPDATER: '0' },
  });
  expect(env).toMatchObject({ LANG: 'de_DE.UTF-8', MINE: '1', HOME: '/c', ANTHROPIC_API_KEY: 'sk', DISABLE_AUTOUPDATER: '1' });
});

test('without a key there is none', () => {
  expect(agentEnv(options)).not.toHaveProperty('ANTHROPIC_API_KEY');
  expect(agentEnv({ ...options, variables: { ANTHROPIC_BASE_URL: 'http://elsewhere' } })).toHaveProperty('ANTHROPIC_BASE_URL');
});
