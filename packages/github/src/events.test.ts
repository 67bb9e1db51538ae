import { expect, test } from 'vitest';
import { parseEvent } from './events.ts';

const repository = { full_name: 'acme/widget' };
const sender = { login: 'ann' };

test.each([
  ['a ping', 'ping', { repository, sender, zen: 'x' }],
  ['an action nobody waits for', 'pull_request', { action: 'labeled', repository, sender }],
  ['an event without a repository', 'push', { ref: 'refs/heads/main', before: '0', after: '1' }],
  ['a status that is still pending', 'status', { repository, sender, context: 'ci', state: 'pending', sha: 'a' }],
  ['a closed pull request without a number', 'pull_request', { action: 'closed', repository, sender, pull_request: { head: 1 } }],
  ['fields of the wrong types', 'check_run', { action: 'completed', repository, sender, check_run: { head_sha: 5, conclusion: {} } }],
  ['a name from the prototype', 'constructor', { action: 'name', repository, sender }],
])('%s is nothing', (_name, event, payload) => expect(parseEvent({ event, payload })).toBeUndefined());

test('a status is a check; an account that is gone is a ghost', () => {
  expect(parseEvent({ event: 'status', payload: { repository, sender: null, context: 'ci', state: 'error', sha: 'abc' } })).toEqual({
    type: 'checks_completed',
    repository: 'acme/widget',
    by: 'ghost',
    scope: 'check',
    name: 'ci',
    state: 'failure',
    sha: 'abc',
    pullRequests: [],
  });
});

test('a review that was dismissed is no verdict', () => {
  const payload = {
    action: 'submitted',
    repository,
    sender,
    review: { id: 1, state: 'dismissed' },
    pull_request: { number: 1, head: { sha: 'a' } },
  };
  expect(parseEvent({ event: 'pull_request_review', payload })).toBeUndefined();
});
