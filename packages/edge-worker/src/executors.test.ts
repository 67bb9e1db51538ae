import { systemClock } from 'cyrus-core/clock';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { expect, test } from 'vitest';
import { configOf } from '../test/support/config.ts';
import { createExecutors } from './executors.ts';

const own = { executors: { own: { command: '/usr/bin/agent' } } };

test.each<[string, Record<string, unknown>, readonly string[]]>([
  ['is there by default, to say what it lacks', {}, ['claude']],
  ['is not fallen back on without a key', { ...own, executor: 'own' }, ['own']],
  ['is there beside another one with a key', { ...own, executor: 'own', claude: { apiKey: 'sk-ant-1' } }, ['claude', 'own']],
  ['is there beside another one with a login', { ...own, executor: 'own', claude: { auth: 'ownLogin' } }, ['claude', 'own']],
])('Claude Code %s', (_what, config, expected) => {
  expect([...createExecutors(configOf(config), { isolation: 'none' } as Sandbox, systemClock, 'test-').keys()]).toEqual(expected);
});
