import { noEffects } from 'cyrus-core/domain/effects';
import type { CheckoutInfo } from 'cyrus-core/domain/plan';
import { expect, test } from 'vitest';
import { setupEnded, setupOf, tellCheckout } from './attempt-setup.ts';
import { submodulesLine } from './submodules-line.ts';

const checkout = (more: Partial<CheckoutInfo> = {}): CheckoutInfo => ({
  ...{ directory: '/c', baseBranch: 'main', baseSha: 'b', startSha: 's', reused: false, detected: null, context: null, readable: [] },
  ...more,
});
const listener = { sessionId: 's', source: 'linear', workspace: 'w', turnId: 't' };
const configured = { command: 'npm ci', timeoutMs: 5 };

test.each([
  ['the configured command', configured, checkout(), '`npm ci`'],
  ['the configured command before the script', configured, checkout({ setupScript: 'cyrus-setup.sh' }), '`npm ci`'],
  ['the script of the base branch', null, checkout({ setupScript: 'cyrus-setup.sh' }), '`cyrus-setup.sh` (of the base branch)'],
  ['nothing, where there is neither', null, checkout(), undefined],
  ['nothing, where it has been done', configured, checkout({ reused: true, setUp: true }), undefined],
  ['it again, where it was cut off', configured, checkout({ reused: true, setUp: false }), '`npm ci`'],
])('setup is %s', (_name, command, where, shown) => {
  expect(setupOf(command, where)?.shown).toBe(shown);
});

test('a failed setup says what failed, the end of its output, and what to do', () => {
  const told = { attemptId: 'a', planId: 'p', taskId: 't', listeners: [listener], effects: noEffects() };
  const end = { jobId: 'j', kind: 'setup', state: 'done', failure: null } as const;
  expect(setupEnded(told, '`npm ci`', { ...end, result: { exitCode: 1, output: 'no registry', durationMs: 5 } })).toEqual({
    class: 'setup_failed',
    message: 'The setup command failed: it ended with code 1.\n\nno registry',
    fix: 'Mend the setup command of the repository (`npm ci`), then write here to try again.',
  });
  expect(told.effects.writes).toEqual([]);
  expect(setupEnded(told, '`npm ci`', { ...end, result: { exitCode: 0, output: '', durationMs: 61_000 } })).toBeUndefined();
  expect(told.effects.writes[0]?.payload['content']).toMatchObject({ action: 'Set up', parameter: '`npm ci`', result: 'done in 1m 01s' });
});

test('what was copied is an event, what a person should know a thought', () => {
  const told = { attemptId: 'a', planId: 'p', taskId: 't', listeners: [listener], effects: noEffects() };
  tellCheckout(told, checkout({ copied: { files: ['.env'], skipped: [] }, remarks: ['Pointer files.'] }));
  expect(told.effects.events).toMatchObject([{ type: 'checkout.copied', attemptId: 'a', payload: { files: ['.env'], skipped: [] } }]);
  expect(told.effects.writes[0]?.payload['content']).toEqual({ type: 'thought', body: 'Pointer files.' });
});

test('changed submodules are named with their commits, and that these are not pushed', () => {
  const [from, to] = ['a'.repeat(40), 'b'.repeat(40)];
  expect(submodulesLine([{ path: 'lib', from, to }])).toBe('**Submodules:** `lib`: aaaaaaaaaa → bbbbbbbbbb.');
  expect(submodulesLine([{ path: 'lib', from: null, to }])).toMatch(/`lib`: new, at bbbbbbbbbb\..*was not looked at\.$/);
  expect(submodulesLine([{ path: 'lib', from, to: null }])).toContain('`lib`: removed');
});
