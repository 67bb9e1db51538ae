/**
 * What Linear's documentation and agents in the field say an agent's adapter has to hold, one fact a test; what other files of
 * this package test already is not repeated.
 */
import { systemClock } from 'cyrus-core/clock';
import { idOf } from 'cyrus-core/ids';
import { createLinear, type LinearClient } from 'cyrus-linear/client';
import { eventKey } from 'cyrus-linear/events';
import { readIssue } from 'cyrus-linear/read-issue';
import { escapeMarkdown } from 'cyrus-linear/text';
import { type ActivityContent, type ActivityWrite, perform } from 'cyrus-linear/writes';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Receiver, receiver } from './receiver.ts';

const secret = 'whsec_test';
let hooks: Receiver;
let linear: LinearStandIn;
let client: LinearClient;
beforeAll(async () => {
  hooks = await receiver(secret, systemClock);
  linear = await startLinear({ webhook: { url: hooks.url, secret }, announceOwnSessions: true, guidance: ['Keep functions small.'] });
  client = createLinear({ apiUrl: linear.graphqlUrl, token: 'lin_oauth_app', clock: systemClock });
});
afterAll(async () => {
  await linear.stop();
  await hooks[Symbol.asyncDispose]();
});

let issues = 0;
/** A new issue, delegated; the session as Linear holds it. */
async function delegated(): Promise<{ sessionId: string; issueId: string }> {
  const issue = linear.people.createIssue({ title: `Issue ${++issues}` });
  const { session } = linear.people.delegate(issue.id);
  if (!session) throw new Error('no session');
  return { sessionId: session.id, issueId: issue.id };
}
const say = (
  sessionId: string,
  name: string,
  content: ActivityContent,
  more: Partial<ActivityWrite> = {},
): Promise<{ readonly state: string }> =>
  perform(client, { kind: 'activity', id: idOf(`${sessionId}:${name}`), sessionId, content, ...more });

describe('activities', () => {
  test.each<[string, ActivityContent, Partial<ActivityWrite>, string]>([
    ['a thought keeps the session active', { type: 'thought', body: 'Hm' }, {}, 'active'],
    ['an action keeps the session active', { type: 'action', action: 'Running', parameter: 'npm test' }, {}, 'active'],
    ['an elicitation waits for a person', { type: 'elicitation', body: 'Which?' }, {}, 'awaitingInput'],
    [
      'a choice waits for a person',
      { type: 'elicitation', body: 'Which?' },
      { signal: 'select', signalMetadata: { options: [{ label: 'API', value: 'org/api' }] } },
      'awaitingInput',
    ],
    [
      'a link to an account waits for a person',
      { type: 'elicitation', body: 'Please link' },
      { signal: 'auth', signalMetadata: { url: 'https://x.test/link', providerName: 'GitHub' } },
      'awaitingInput',
    ],
    ['a response completes', { type: 'response', body: 'Done' }, {}, 'complete'],
    ['an error ends', { type: 'error', body: 'It failed' }, {}, 'error'],
  ])('%s', async (_name, content, more, status) => {
    const { sessionId, issueId } = await delegated();
    expect(await say(sessionId, 'x', content, more)).toMatchObject({ state: 'sent' });
    expect(linear.control.session(sessionId)?.status).toBe(status);
    const closing = content.type === 'response' || content.type === 'elicitation' || content.type === 'error';
    const mirrored = linear.control.issue(issueId)?.comments.filter(({ body }) => 'body' in content && body === content.body) ?? [];
    expect(mirrored).toHaveLength(closing ? 1 : 0);
  });

  test('a session that is complete goes on with the next message', async () => {
    const { sessionId } = await delegated();
    await say(sessionId, '1', { type: 'response', body: 'Done' });
    linear.people.prompt(sessionId, { body: 'And the tests?' });
    expect(await say(sessionId, '2', { type: 'thought', body: 'Looking' })).toMatchObject({ state: 'sent' });
    expect(linear.control.session(sessionId)?.status).toBe('active');
  });

  test('after stop one closing answer is taken', async () => {
    const { sessionId } = await delegated();
    linear.people.stop(sessionId);
    expect(await say(sessionId, 'stopped', { type: 'response', body: 'Stopped.' })).toMatchObject({ state: 'sent' });
    expect(linear.control.session(sessionId)).toMatchObject({ status: 'complete', closings: 1 });
  });

  test('the words of others are quoted without calling anybody', async () => {
    const { issueId } = await delegated();
    const sessions = linear.control.issue(issueId)?.sessions.length;
    const body = `Quoting: ${escapeMarkdown('@cyrus do it again')}`;
    expect(await perform(client, { kind: 'comment', id: idOf('quote'), issueId, body })).toMatchObject({ state: 'sent' });
    expect(linear.control.issue(issueId)?.sessions.length).toBe(sessions);
  });
});

describe('what the loops in front of this adapter must be able to tell', () => {
  test('`prompted` before its `created`: the first carries the session and the issue, and both have keys of their own', async () => {
    linear.control.addFault({ kind: 'reorder', times: 1 });
    const { sessionId, issueId } = await delegated();
    linear.people.prompt(sessionId, { body: 'one more thing' });
    const prompted = await hooks.event('session-prompted', (event) => event.sessionId === sessionId);
    expect(prompted).toMatchObject({ body: 'one more thing', issue: { id: issueId }, appUserId: linear.app.id });
    await hooks.event('session-created', (event) => event.sessionId === sessionId);
    const keys = hooks.verdicts.flatMap((verdict) => (verdict.accepted ? [eventKey(verdict.event) ?? ''] : []));
    const order = keys.filter((key) => key.includes(sessionId)).map((key) => key.split(':')[0]);
    expect(order).toEqual(['prompted', 'created']);
  });

  test('a session we opened ourselves: no person is its creator', async () => {
    const issue = linear.people.createIssue({ title: 'Proactive' });
    const document = 'mutation Open($input: AgentSessionCreateOnIssue!) { agentSessionCreateOnIssue(input: $input) { success } }';
    expect(await client.request(document, { input: { issueId: issue.id } })).toMatchObject({ ok: true });
    const created = await hooks.event('session-created', (event) => event.issue.id === issue.id);
    expect(created.appUserId).toBe(linear.app.id);
    expect(created.creator?.id ?? linear.app.id).toBe(linear.app.id);
  });

  test('our own edit of an issue: its actor is us', async () => {
    const { issueId } = await delegated();
    const read = await readIssue(client, issueId);
    const started = read.ok ? read.value.details.teamStates.find(({ type }) => type === 'started') : undefined;
    expect(await perform(client, { kind: 'issueState', issueId, stateId: started?.id ?? '' })).toMatchObject({ state: 'sent' });
    const edit = await hooks.event('issue-updated', (event) => event.issueId === issueId && 'stateId' in event.changes);
    expect(edit).toMatchObject({ actor: { id: linear.app.id }, facts: { state: { id: started?.id, type: 'started' } } });
  });

  test('a clock ten minutes behind ours is no reason to refuse: redeliveries look the same', async () => {
    linear.control.addFault({ kind: 'skew', ms: 10 * 60_000, action: 'created', times: 1 });
    const { sessionId } = await delegated();
    expect(await hooks.event('session-created', (event) => event.sessionId === sessionId)).toMatchObject({ sessionId });
  });

  test('a mention in a reply: the reply asks, what was said before it is context', async () => {
    const issue = linear.people.createIssue({ title: 'Talked about' });
    const { comment } = linear.people.comment(issue.id, { body: 'The cache is cold.', as: 'grace' });
    linear.people.comment(issue.id, { body: 'Is it?', parent: comment.id });
    const { session } = linear.people.comment(issue.id, { body: 'warm <it> & tell me', mention: true, parent: comment.id });
    const created = await hooks.event('session-created', (event) => event.sessionId === session?.id);
    expect(created.comment).toMatchObject({ body: '@cyrus warm <it> & tell me', userId: created.creator?.id });
    expect(created.previousComments.map(({ body }) => body)).toEqual(['The cache is cold.', 'Is it?']);
  });

  test('what people do to an issue comes as what it is, valid against the contract', async () => {
    const issue = linear.people.createIssue({ title: 'Busy' });
    const of = (event: { readonly issueId: string }): boolean => event.issueId === issue.id;
    linear.people.close(issue.id, { as: 'grace' });
    expect(await hooks.event('issue-updated', (event) => of(event) && event.facts.state?.type === 'completed')).toMatchObject({
      actor: { name: 'Grace', kind: 'user' },
      facts: { state: { name: 'Done' } },
    });
    linear.people.reopen(issue.id);
    await hooks.event('issue-updated', (event) => of(event) && event.facts.state?.type === 'unstarted');
    linear.people.archive(issue.id);
    await hooks.event('issue-removed', of);
    linear.people.remove(issue.id);
    await vi.waitFor(async () => expect((await hooks.events('issue-removed', 2)).filter(of)).toHaveLength(2), { timeout: 90_000 });
    expect(await readIssue(client, issue.id)).toMatchObject({ ok: false, error: { action: 'rejected' } });
    linear.people.changeTeamAccess({ removed: ['ENG'] });
    expect(await hooks.event('permission-changed', (event) => event.removedTeamIds.length === 1)).toMatchObject({ addedTeamIds: [] });
    linear.people.changeTeamAccess({ added: ['ENG'] });
  });

  test('guidance of the team comes with the session', async () => {
    const { sessionId } = await delegated();
    const { guidance } = await hooks.event('session-created', (event) => event.sessionId === sessionId);
    expect(guidance).toEqual([{ body: 'Keep functions small.', origin: 'team', teamName: 'Engineering' }]);
  });
});

describe('cost', () => {
  test('a task of a few activities stays within few calls and points', async () => {
    const before = linear.control.calls();
    const [calls, points] = [before.total, before.points];
    const { sessionId, issueId } = await delegated();
    await say(sessionId, 'ack', { type: 'thought', body: 'Got it' });
    await readIssue(client, issueId);
    await say(sessionId, 'a', { type: 'action', action: 'Ran', parameter: 'npm test', result: 'ok' });
    await perform(client, { kind: 'checklist', sessionId, items: [{ content: 'Write', status: 'completed' }] });
    await say(sessionId, 'end', { type: 'response', body: 'Done' });
    const after = linear.control.calls();
    expect(after.total - calls).toBe(5);
    expect(after.points - points).toBeLessThan(500);
    expect(client.rate().complexity?.remaining ?? 1).toBeGreaterThan(0);
  });
});
