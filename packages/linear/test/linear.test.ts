import { systemClock } from 'cyrus-core/clock';
import { idOf } from 'cyrus-core/ids';
import { createLinear, type LinearClient } from 'cyrus-linear/client';
import { eventKey } from 'cyrus-linear/events';
import { readIssue } from 'cyrus-linear/read-issue';
import { readViewer } from 'cyrus-linear/read-viewer';
import { type ActivityContent, type ActivityWrite, perform } from 'cyrus-linear/writes';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Receiver, receiver, until } from './receiver.ts';

const secret = 'whsec_test';
let hooks: Receiver;
let linear: LinearStandIn;
let client: LinearClient;
beforeEach(async ({ task }) => {
  hooks = await receiver(secret, systemClock);
  // Redeliveries come after a minute and an hour; everything else happens at the speed of real time.
  const timeScale = task.suite?.name === 'what comes again' ? 20_000 : 1;
  linear = await startLinear({ webhook: { url: hooks.url, secret }, timeScale });
  client = createLinear({ apiUrl: linear.graphqlUrl, token: 'lin_oauth_app', clock: systemClock });
});
afterEach(async () => {
  await linear.stop();
  await hooks[Symbol.asyncDispose]();
});

/** A person delegates a new issue; the session and the event that came of it. */
async function delegated(fields: { title?: string; description?: string } = {}): Promise<{ sessionId: string; issueId: string }> {
  linear.people.createIssue({ title: 'Fix the checkout', delegate: true, ...fields });
  const [event] = (await hooks.events('session-created')).slice(-1);
  if (!event) throw new Error('no session');
  return { sessionId: event.sessionId, issueId: event.issue.id };
}
const activity = (sessionId: string, name: string, content: ActivityContent, more: Partial<ActivityWrite> = {}): ActivityWrite => ({
  kind: 'activity',
  id: idOf(`${sessionId}:${name}`),
  sessionId,
  content,
  ...more,
});
const activitiesOf = (sessionId: string) => linear.control.session(sessionId)?.activities.filter(({ byAgent }) => byAgent) ?? [];

describe('what comes in', () => {
  test('a delegation: signed, young, parsed; the stub comment is no request', async () => {
    const { sessionId } = await delegated({ title: 'שלום 👋 $(rm -rf /)', description: 'Text\nwith lines' });
    const [event] = await hooks.events('session-created');
    expect(event).toMatchObject({
      sessionId,
      appUserId: linear.app.id,
      creator: { name: linear.control.session(sessionId)?.creator },
      issue: { identifier: 'ENG-1', title: 'שלום 👋 $(rm -rf /)', description: 'Text\nwith lines', teamKey: 'ENG' },
    });
    expect(event).not.toHaveProperty('comment');
    expect(event?.promptContext).toContain('ENG-1');
    expect(hooks.verdicts.every(({ accepted }) => accepted)).toBe(true);
  });

  test('a mention carries the request', async () => {
    const issue = linear.people.createIssue({ title: 'Question' });
    linear.people.comment(issue.id, { body: 'why does it fail?', mention: true });
    const [event] = await hooks.events('session-created');
    expect(event?.comment?.body).toContain('why does it fail?');
  });

  test('a message, an answer to a question, and stop', async () => {
    const { sessionId } = await delegated();
    await perform(
      client,
      activity(
        sessionId,
        'ask',
        { type: 'elicitation', body: 'Which?' },
        { signal: 'select', signalMetadata: { options: [{ label: 'A', value: 'a' }] } },
      ),
    );
    linear.people.answer(sessionId, { value: 'a' });
    linear.people.stop(sessionId);
    const [answer, stop] = await hooks.events('session-prompted', 2);
    const byBody = [answer, stop].sort((a, b) => (a?.body ?? '').localeCompare(b?.body ?? ''));
    expect(byBody).toMatchObject([{ body: 'A' }, { body: 'stop', signal: 'stop' }]);
    expect(new Set(byBody.map((event) => event && eventKey(event))).size).toBe(2);
  });

  test('unassigned, edited, access changed, revoked', async () => {
    const { issueId } = await delegated();
    linear.people.edit(issueId, { title: 'New title', state: 'In Progress' });
    linear.people.undelegate(issueId);
    linear.people.changeTeamAccess({ removed: ['ENG'] });
    linear.people.revokeApp();
    expect(await hooks.events('unassigned')).toMatchObject([{ issueId, appUserId: linear.app.id }]);
    await until(
      () =>
        hooks.verdicts.some((verdict) => verdict.accepted && verdict.event.type === 'issue-updated' && 'title' in verdict.event.changes),
      () => 'the edit',
    );
    const edit = (await hooks.events('issue-updated')).find(({ changes }) => 'title' in changes);
    expect(edit).toMatchObject({
      changes: { title: { from: 'Fix the checkout', to: 'New title' } },
      facts: { state: { name: 'In Progress', type: 'started' } },
    });
    expect((await hooks.events('permission-changed'))[0]?.removedTeamIds).toHaveLength(1);
    expect(await hooks.events('revoked')).toHaveLength(1);
  });

  test('old and forged deliveries are refused', async () => {
    linear.control.addFault({ kind: 'skew', ms: 25 * 3_600_000, action: 'created', times: 1 });
    linear.people.createIssue({ title: 'Old', delegate: true });
    await until(
      () => hooks.verdicts.some((verdict) => !verdict.accepted),
      () => 'the old delivery',
    );
    expect(hooks.verdicts.find((verdict) => !verdict.accepted)).toEqual({ accepted: false, status: 401, reason: 'too_old' });
    linear.control.setWebhook({ url: hooks.url, secret: 'another' });
    linear.people.createIssue({ title: 'Forged', delegate: true });
    await until(
      () => hooks.verdicts.some((verdict) => !verdict.accepted && verdict.reason === 'signature_wrong'),
      () => 'the forged delivery',
    );
  });
});

describe('what comes again', () => {
  test('a delivery that failed comes again with the same bytes, so the same hash and key', async () => {
    hooks.failNext.push(503, 503);
    await delegated();
    await hooks.events('session-created', 3);
    const created = hooks.verdicts.flatMap((verdict) =>
      verdict.accepted && verdict.event.type === 'session-created' ? [`${verdict.bodySha256} ${eventKey(verdict.event)}`] : [],
    );
    expect(new Set(created).size).toBe(1);
  });

  test('a copy under a new delivery id is known by hash and key', async () => {
    linear.control.addFault({ kind: 'duplicate', afterMs: 1000, deliveryId: 'new', action: 'created', times: 1 });
    await delegated();
    await hooks.events('session-created', 2);
    const copies = hooks.verdicts.filter((verdict) => verdict.accepted && verdict.event.type === 'session-created');
    const unique = (part: (verdict: (typeof copies)[number]) => unknown): number => new Set(copies.map(part)).size;
    expect(unique((verdict) => verdict.accepted && verdict.bodySha256)).toBe(1);
    expect(unique((verdict) => verdict.accepted && eventKey(verdict.event))).toBe(1);
    expect(unique((verdict) => verdict.accepted && verdict.deliveryId)).toBe(2);
  });
});

describe('what is read', () => {
  test('an issue with all that routing and prompts need, in one call', async () => {
    const { people } = linear;
    const [grandparent, parent, blocker, done] = ['Whole', 'Epic', 'Blocks', 'Blocked before'].map((title) =>
      people.createIssue({ title }),
    );
    if (!grandparent || !parent || !blocker || !done) throw new Error('no issues');
    people.edit(parent.id, { parent: grandparent.identifier });
    people.edit(done.id, { state: 'Done' });
    const issue = people.createIssue({
      title: 'Fix the checkout',
      description: 'It fails\r\non empty carts',
      labels: ['Bug', 'shop'],
      project: 'Website',
      parent: parent.identifier,
      priority: 2,
      assignee: 'Ada',
      blockedBy: [blocker.identifier, done.identifier],
      delegate: true,
    });
    const child = people.createIssue({ title: 'Part', parent: issue.identifier });
    people.comment(issue.id, { body: 'first' });
    people.comment(issue.id, { body: 'second' });
    people.relate(issue.identifier, { type: 'related', to: blocker.identifier });
    people.relate(done.identifier, { type: 'duplicate', to: issue.identifier });
    people.attach(issue.id, { title: 'The design', url: 'https://figma.test/1' });
    // What the app attached itself, the pull request, is no news for its agent.
    await perform(client, { kind: 'attachment', issueId: issue.id, title: 'PR', url: 'https://github.test/pull/1' });
    const before = linear.control.calls().total;
    const read = await readIssue(client, issue.identifier);
    if (!read.ok) throw new Error(read.error.failure.message);
    const { organization, users } = linear.control.state();
    expect(read.value).toMatchObject({
      id: issue.id,
      workspace: organization.id,
      identifier: issue.identifier,
      title: 'Fix the checkout',
      description: 'It fails\non empty carts',
      details: {
        labels: expect.arrayContaining(['Bug', 'shop']),
        teamKey: 'ENG',
        projectName: 'Website',
        teamId: expect.any(String),
        priority: 'High',
        assigneeId: users.find(({ name }) => name.startsWith('Ada'))?.id,
        creatorId: users.find(({ name }) => name.startsWith('Ada'))?.id,
        delegateId: linear.app.id,
        hasParent: true,
        hasChildren: true,
        ancestors: [
          { id: parent.id, identifier: parent.identifier, title: 'Epic' },
          { id: grandparent.id, identifier: grandparent.identifier, title: 'Whole' },
        ],
        subIssues: [{ identifier: child.identifier, title: 'Part', relation: 'sub-issue', stateType: 'backlog' }],
        blockedBy: [
          { id: done.id, identifier: done.identifier, title: 'Blocked before', stateType: 'completed' },
          { id: blocker.id, identifier: blocker.identifier, title: 'Blocks', stateType: 'backlog' },
        ],
        related: [
          { identifier: blocker.identifier, title: 'Blocks', relation: 'related', stateType: 'backlog' },
          { identifier: done.identifier, title: 'Blocked before', relation: 'duplicated by', stateType: 'completed' },
        ],
        comments: [
          { author: expect.stringContaining('Ada'), body: 'first' },
          { author: expect.stringContaining('Ada'), body: 'second' },
        ],
        attachments: [{ title: 'The design', url: 'https://figma.test/1' }],
        cut: [],
        updatedAt: expect.stringMatching(/^20/),
      },
    });
    const { teamStates } = read.value.details;
    expect(teamStates.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['backlog', 'unstarted', 'started', 'completed', 'canceled']),
    );
    expect(teamStates.map(({ position }) => position)).toEqual([...teamStates.map(({ position }) => position)].sort((a, b) => a - b));
    expect(linear.control.calls().total - before).toBe(1);
    expect(linear.control.violations()).toEqual([]);
  });

  test('what an issue has more of than is read is said', async () => {
    const issue = linear.people.createIssue({ title: 'Long talk' });
    for (let n = 1; n <= 21; n++) linear.people.comment(issue.id, { body: `comment ${n}` });
    const read = await readIssue(client, issue.id);
    if (!read.ok) throw new Error(read.error.failure.message);
    expect(read.value.details.cut).toEqual(['comments before the last 20']);
    expect(read.value.details.comments.map(({ body }) => body)).toEqual(Array.from({ length: 20 }, (_, n) => `comment ${n + 2}`));
  });

  test('an issue that is not there, and a token that is none', async () => {
    expect(await readIssue(client, 'ENG-999')).toMatchObject({
      ok: false,
      error: { action: 'rejected', failure: { class: 'invalid_request' } },
    });
    const stranger = createLinear({ apiUrl: linear.graphqlUrl, token: 'wrong', clock: systemClock });
    expect(await readIssue(stranger, 'ENG-1')).toMatchObject({ ok: false, error: { action: 'retry', failure: { class: 'auth' } } });
  });

  test('whose token it is: the app’s as Bearer, a person’s API key bare', async () => {
    expect(await readViewer(client)).toMatchObject({ ok: true, value: { userId: linear.app.id, isApp: true, workspaceUrlKey: 'local' } });
    const person = createLinear({ apiUrl: linear.graphqlUrl, token: 'lin_api_local', clock: systemClock });
    expect(await readViewer(person)).toMatchObject({ ok: true, value: { isApp: false } });
  });
});

describe('what goes out', () => {
  test('every kind of write is taken, and twice is once', async () => {
    const { sessionId, issueId } = await delegated();
    const read = await readIssue(client, issueId);
    const stateId = read.ok ? read.value.details.teamStates.find(({ name }) => name === 'In Progress')?.id : undefined;
    const commentId = idOf('comment');
    const writes = [
      activity(sessionId, 'thought', { type: 'thought', body: 'Reading the issue' }),
      activity(sessionId, 'start', { type: 'action', action: 'Running', parameter: 'npm test' }, { ephemeral: true }),
      activity(sessionId, 'end', { type: 'action', action: 'Ran', parameter: 'npm test', result: '12 passed' }),
      {
        kind: 'checklist',
        sessionId,
        items: [
          { content: 'Read', status: 'completed' },
          { content: 'Write', status: 'inProgress' },
        ],
      },
      {
        kind: 'externalUrls',
        sessionId,
        urls: [
          { label: 'PR', url: 'https://x.test/1' },
          { label: 'Pull request', url: 'https://x.test/1' },
        ],
      },
      { kind: 'issueState', issueId, stateId: stateId ?? '' },
      { kind: 'comment', id: commentId, issueId, body: 'Noted' },
      { kind: 'delegate', issueId, userId: linear.app.id },
      { kind: 'attachment', issueId, title: 'PR', url: 'https://x.test/1' },
      activity(sessionId, 'done', { type: 'response', body: 'Done' }),
    ] as const;
    for (const write of writes) expect(await perform(client, write), write.kind).toMatchObject({ state: 'sent' });
    for (const write of writes) expect(await perform(client, write), `${write.kind} again`).toMatchObject({ state: 'sent' });
    expect(activitiesOf(sessionId).map(({ type, body, result, replaced }) => ({ type, text: body ?? result, replaced }))).toEqual([
      { type: 'thought', text: 'Reading the issue', replaced: false },
      { type: 'action', text: null, replaced: true },
      { type: 'action', text: '12 passed', replaced: false },
      { type: 'response', text: 'Done', replaced: false },
    ]);
    expect(linear.control.session(sessionId)).toMatchObject({
      status: 'complete',
      closings: 1,
      plan: [{ status: 'completed' }, { status: 'inProgress' }],
      externalUrls: [{ label: 'Pull request', url: 'https://x.test/1' }],
    });
    const issue = linear.control.issue(issueId);
    expect(issue).toMatchObject({ state: 'In Progress', attachments: [{ url: 'https://x.test/1' }] });
    expect(issue?.comments.filter(({ id }) => id === commentId)).toHaveLength(1);
    expect(linear.control.violations()).toEqual([]);
  });

  test.each(['before', 'after'] as const)('the answer is lost %s the effect: again, and there is one', async (when) => {
    const { sessionId } = await delegated();
    linear.control.addFault({ kind: 'cut', field: 'agentActivityCreate', when, times: 1 });
    const write = activity(sessionId, 'x', { type: 'response', body: 'Done' });
    expect(await perform(client, write)).toMatchObject({ state: 'retry', failure: { class: 'network' } });
    expect(activitiesOf(sessionId)).toHaveLength(when === 'after' ? 1 : 0);
    expect(await perform(client, write)).toEqual({ state: 'sent', remoteId: write.id });
    expect(activitiesOf(sessionId)).toHaveLength(1);
  });

  test('the rate limit in the middle: told when to come again, then taken', async () => {
    const { sessionId } = await delegated();
    expect(await perform(client, activity(sessionId, '1', { type: 'thought', body: 'one' }))).toMatchObject({ state: 'sent' });
    linear.control.addFault({ kind: 'rate-limit', requests: 1, retryAfterSeconds: 30 });
    const write = activity(sessionId, '2', { type: 'thought', body: 'two' });
    const before = systemClock.now();
    const limited = await perform(client, write);
    expect(limited).toMatchObject({ state: 'retry', failure: { class: 'rate_limited' } });
    const wait = limited.state === 'retry' ? (limited.retryAt ?? 0) - before : 0;
    expect(wait).toBeGreaterThanOrEqual(30_000);
    expect(wait).toBeLessThan(40_000);
    expect(await perform(client, write)).toMatchObject({ state: 'sent' });
    expect(client.rate().requests?.limit).toBeGreaterThan(0);
  });

  test.each([
    [
      'a user error with HTTP 200',
      { kind: 'error', mutation: 'agentActivityCreate', times: 1 },
      { state: 'rejected', failure: { class: 'invalid_request' } },
    ],
    [
      'a lost permission',
      { kind: 'error', mutation: 'agentActivityCreate', code: 'FORBIDDEN', times: 1 },
      { state: 'rejected', failure: { class: 'auth' } },
    ],
    [
      'an internal error with HTTP 200',
      { kind: 'error', mutation: 'agentActivityCreate', code: 'INTERNAL_SERVER_ERROR', times: 1 },
      { state: 'retry', failure: { class: 'network' } },
    ],
    ['a bad gateway', { kind: 'http-error', status: 502, times: 1 }, { state: 'retry', failure: { class: 'network' } }],
    ['a token no longer good', { kind: 'unauthorized', times: 1 }, { state: 'retry', failure: { class: 'auth' } }],
    [
      'an outage that answers 503',
      { kind: 'outage', ms: 60_000, direction: 'in', how: '503' },
      { state: 'retry', failure: { class: 'network' } },
    ],
    [
      'an outage that resets',
      { kind: 'outage', ms: 60_000, direction: 'in', how: 'reset' },
      { state: 'retry', failure: { class: 'network' } },
    ],
  ])('%s', async (_name, fault, expected) => {
    const { sessionId } = await delegated();
    linear.control.addFault(fault);
    expect(await perform(client, activity(sessionId, 'x', { type: 'thought', body: 'x' }))).toMatchObject(expected);
  });

  test('a session deleted while we work is a refusal for good', async () => {
    const { sessionId } = await delegated();
    linear.people.deleteSession(sessionId);
    const outcomes = [
      await perform(client, activity(sessionId, 'x', { type: 'thought', body: 'x' })),
      await perform(client, { kind: 'checklist', sessionId, items: [] }),
    ];
    expect(outcomes).toMatchObject([{ state: 'rejected' }, { state: 'rejected' }]);
  });

  test('revoked: the writes wait for a new token', async () => {
    const { sessionId } = await delegated();
    linear.people.revokeApp();
    expect(await perform(client, activity(sessionId, 'x', { type: 'thought', body: 'x' }))).toMatchObject({
      state: 'retry',
      failure: { class: 'auth' },
    });
  });

  test('hostile text arrives as text', async () => {
    const { sessionId } = await delegated();
    const body = 'a\u0000\u001b[31m $(x) `y` \ud83d שלום 👩‍👩‍👧';
    await perform(client, activity(sessionId, 'x', { type: 'thought', body }));
    await perform(client, activity(sessionId, 'y', { type: 'thought', body: 'z'.repeat(1_000_000) }));
    const [first, second] = activitiesOf(sessionId);
    expect(first?.body).toBe('a[31m $(x) `y` \ufffd שלום 👩‍👩‍👧');
    expect(second?.body?.length).toBeLessThanOrEqual(60_000);
  });
});
