import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventKey, isStubComment, type LinearEvent } from './events.ts';
import { parseEvent } from './parse-event.ts';

const stub = 'This thread is for an agent session with Cyrus.';
const issue = {
  id: 'issue-1',
  identifier: 'ENG-1',
  title: 'Fix the checkout',
  description: 'It *fails*',
  url: 'https://linear.app/acme/issue/ENG-1',
  teamId: 'team-1',
  team: { id: 'team-1', key: 'ENG', name: 'Engineering' },
};
const created = {
  type: 'AgentSessionEvent',
  action: 'created',
  organizationId: 'org-1',
  appUserId: 'app-1',
  oauthClientId: 'client-1',
  webhookId: 'hook-1',
  webhookTimestamp: 1,
  promptContext: '<issue identifier="ENG-1"/>',
  guidance: [
    { body: 'Everywhere', origin: { type: 'Organization' } },
    { body: 'Here', origin: { type: 'Team', team: { id: 'team-1', key: 'ENG', name: 'Engineering', displayName: 'Engineering' } } },
  ],
  previousComments: [{ id: 'c0', body: 'Earlier words', userId: 'user-2' }],
  agentSession: {
    id: 'session-1',
    status: 'pending',
    type: 'commentThread',
    creator: { id: 'user-1', name: 'Ada', email: 'ada@example.test', url: 'https://linear.app/ada' },
    issue,
    comment: { id: 'c1', body: '@cyrus please look', userId: 'user-1' },
  },
};
const prompted = {
  ...created,
  action: 'prompted',
  promptContext: null,
  agentActivity: {
    id: 'activity-1',
    agentSessionId: 'session-1',
    content: { type: 'prompt', body: 'And the tests?' },
    signal: null,
    userId: 'user-2',
    user: { id: 'user-2', name: 'Bob' },
  },
};
const merge = (base: object, fields: object): Record<string, unknown> => ({ ...base, ...fields });

describe('session-created', () => {
  test('a mention', () => {
    expect(parseEvent(created)).toEqual({
      type: 'session-created',
      workspaceId: 'org-1',
      sessionId: 'session-1',
      appUserId: 'app-1',
      creator: { id: 'user-1', name: 'Ada', email: 'ada@example.test' },
      comment: { id: 'c1', body: '@cyrus please look', userId: 'user-1' },
      issue: {
        id: 'issue-1',
        identifier: 'ENG-1',
        title: 'Fix the checkout',
        description: 'It *fails*',
        url: 'https://linear.app/acme/issue/ENG-1',
        teamKey: 'ENG',
        teamId: 'team-1',
      },
      guidance: [
        { body: 'Here', origin: 'team', teamName: 'Engineering' },
        { body: 'Everywhere', origin: 'organization' },
      ],
      previousComments: [{ id: 'c0', body: 'Earlier words', userId: 'user-2' }],
      promptContext: '<issue identifier="ENG-1"/>',
    });
  });

  test('the stub comment of a delegation is no request', () => {
    const agentSession = { ...created.agentSession, comment: { id: 'c1', body: stub, userId: null } };
    expect(parseEvent(merge(created, { agentSession, previousComments: [{ id: 'c1', body: stub }] }))).toMatchObject({
      previousComments: [],
    });
    expect(parseEvent(merge(created, { agentSession }))).not.toHaveProperty('comment');
    expect(isStubComment('I said: This thread is for an agent session with X')).toBe(false);
  });

  test('an automation started it', () => {
    expect(parseEvent(merge(created, { agentSession: { ...created.agentSession, creator: null } }))).toMatchObject({ creator: null });
  });

  test('absent options and unknown fields and values do no harm', () => {
    const agentSession = {
      id: 'session-1',
      issue: { ...issue, description: null, team: undefined, new: 1 },
      status: 'a status of the future',
    };
    const event = parseEvent({
      type: 'AgentSessionEvent',
      action: 'created',
      organizationId: 'org-1',
      appUserId: 'app-1',
      agentSession,
      novelty: {},
    });
    expect(event).toMatchObject({
      type: 'session-created',
      guidance: [],
      previousComments: [],
      promptContext: null,
      issue: { description: '', teamKey: null },
    });
  });

  test('texts come out clean, a title as one line, and long texts whole', () => {
    const long = 'word '.repeat(200_000);
    const hostile = { ...issue, title: 'a\u0000\nb $(x) \u001b[2J', description: `${long}\ud800שלום👋` };
    expect(parseEvent(merge(created, { agentSession: { ...created.agentSession, issue: hostile } }))).toMatchObject({
      issue: { title: 'a b $(x) [2J', description: `${long}\ufffdשלום👋` },
    });
  });
});

describe('session-prompted', () => {
  test('the message is the content of the activity', () => {
    expect(parseEvent(prompted)).toMatchObject({
      type: 'session-prompted',
      sessionId: 'session-1',
      activityId: 'activity-1',
      body: 'And the tests?',
      author: { id: 'user-2', name: 'Bob' },
      issue: { identifier: 'ENG-1' },
    });
    expect(parseEvent(prompted)).not.toHaveProperty('signal');
  });

  test.each([
    ['stop', { signal: 'stop' }],
    ['continue', { signal: 'continue' }],
    ['a signal of the future', {}],
  ])('signal %s', (signal, expected) => {
    const event = parseEvent(merge(prompted, { agentActivity: { ...prompted.agentActivity, signal } }));
    expect(event).toMatchObject({ type: 'session-prompted', ...expected });
    if (!('signal' in expected)) expect(event).not.toHaveProperty('signal');
  });

  test('a body in the place the guide names, and an author without a name', () => {
    const agentActivity = { id: 'activity-1', body: 'Directly', userId: 'user-3' };
    expect(parseEvent(merge(prompted, { agentActivity }))).toMatchObject({ body: 'Directly', author: { id: 'user-3', name: 'someone' } });
  });

  test('without an activity it tells nothing', () => {
    expect(parseEvent(merge(prompted, { agentActivity: null }))).toEqual({
      type: 'ignored',
      why: 'malformed AgentSessionEvent: prompted without agentActivity',
    });
  });
});

test('a session on no issue is told, since a person waits for an answer', () => {
  const agentSession = { ...created.agentSession, issue: null };
  expect(parseEvent(merge(created, { agentSession }))).toEqual({
    type: 'session-without-issue',
    workspaceId: 'org-1',
    sessionId: 'session-1',
    appUserId: 'app-1',
    creator: { id: 'user-1', name: 'Ada', email: 'ada@example.test' },
  });
  expect(parseEvent(merge(prompted, { agentSession }))).toMatchObject({ type: 'session-without-issue', activityId: 'activity-1' });
});

test('an edit of the issue tells old and new values, the state and who did it', () => {
  const data = {
    ...issue,
    stateId: 's2',
    state: { id: 's2', name: 'Done', type: 'completed', color: '#fff' },
    labels: [{ id: 'l', name: 'Bug' }],
    delegateId: null,
    priorityLabel: 'No priority',
    updatedAt: '2026-11-21T00:00:00.000Z',
  };
  const body = {
    type: 'Issue',
    action: 'update',
    organizationId: 'org-1',
    data,
    updatedFrom: { updatedAt: '2026-11-20T00:00:00.000Z', title: 'Old', stateId: 's1' },
    actor: { id: 'app-1', name: 'Cyrus', type: 'user' },
  };
  expect(parseEvent(body)).toEqual({
    type: 'issue-updated',
    workspaceId: 'org-1',
    issueId: 'issue-1',
    identifier: 'ENG-1',
    changes: { title: { from: 'Old', to: 'Fix the checkout' }, stateId: { from: 's1', to: 's2' } },
    facts: {
      identifier: 'ENG-1',
      title: 'Fix the checkout',
      description: 'It *fails*',
      url: 'https://linear.app/acme/issue/ENG-1',
      team: { id: 'team-1', key: 'ENG' },
      state: { id: 's2', name: 'Done', type: 'completed' },
      labels: ['Bug'],
      delegateId: null,
      priority: null,
    },
    actor: { id: 'app-1', name: 'Cyrus', kind: 'user' },
    updatedAt: '2026-11-21T00:00:00.000Z',
  });
  expect(parseEvent({ ...body, updatedFrom: null, actor: null, data: { id: 'issue-1', identifier: 'ENG-1' } })).toMatchObject({
    changes: {},
    facts: { identifier: 'ENG-1' },
    actor: null,
  });
  const byGithub = { ...body, actor: { id: 'i', type: 'integration', service: 'github' } };
  expect(parseEvent(byGithub)).toMatchObject({ actor: { kind: 'integration', name: 'github' } });
  // An empty description comes as null, and is told as the text that it is.
  expect(parseEvent({ ...body, data: { ...data, description: null } })).toMatchObject({ facts: { description: '' } });
});

test('an issue that is deleted, archived or thrown away is gone; one that comes back is not', () => {
  const base = { type: 'Issue', organizationId: 'org-1', createdAt: '2026-11-21T00:00:01.000Z', actor: { id: 'user-1', name: 'Ada' } };
  const gone = { type: 'issue-removed', workspaceId: 'org-1', issueId: 'issue-1', identifier: 'ENG-1', actor: { name: 'Ada' } };
  const at = Date.parse('2026-11-21T00:00:01.000Z');
  expect(parseEvent({ ...base, action: 'remove', data: issue })).toMatchObject({ ...gone, at });
  const data = { ...issue, updatedAt: '2026-11-21T00:00:01.000Z' };
  const archived = { ...data, archivedAt: '2026-11-21T00:00:01.000Z' };
  expect(parseEvent({ ...base, action: 'update', data: archived, updatedFrom: { archivedAt: null } })).toMatchObject({ ...gone, at });
  expect(parseEvent({ ...base, action: 'update', data: { ...data, trashed: true }, updatedFrom: { trashed: null } })).toMatchObject(gone);
  const back = { ...base, action: 'update', data: { ...data, archivedAt: null }, updatedFrom: { archivedAt: '2026' } };
  expect(parseEvent(back)).toMatchObject({ type: 'issue-updated' });
  // An archived issue that is edited was gone before.
  expect(parseEvent({ ...base, action: 'update', data: archived, updatedFrom: { title: 'x' } })).toMatchObject({ type: 'issue-updated' });
});

test('a mention in a reply: the reply asks, not the comment that began the thread', () => {
  const promptContext = [
    '<issue identifier="ENG-1">x</issue>',
    '<primary-directive-thread comment-id="c1">',
    '<comment author="Bob" created-at="2026">\nIt is slow.\n</comment>',
    '<comment author="Ada" created-at="2026">\n@cyrus make &lt;main&gt; fast &amp;amp; small\n</comment>',
    '</primary-directive-thread>',
    '<other-thread comment-id="c9"><comment author="Eve">something else</comment></other-thread>',
  ].join('\n');
  const agentSession = { ...created.agentSession, comment: { id: 'c1', body: 'It is slow.', userId: 'bob' }, sourceCommentId: 'c2' };
  expect(parseEvent(merge(created, { agentSession, promptContext }))).toMatchObject({
    comment: { id: 'c2', body: '@cyrus make <main> fast &amp; small', userId: 'user-1' },
  });
  // Without the summary the root is what there is.
  expect(parseEvent(merge(created, { agentSession, promptContext: null }))).toMatchObject({ comment: { body: 'It is slow.' } });
});

test('guidance: the own team first, then the teams above it, other teams, the workspace', () => {
  const rule = (body: string, team?: object): object => ({
    body,
    origin: { type: team ? 'Team' : 'Organization', ...(team ? { team } : {}) },
  });
  const guidance = [
    rule('everybody'),
    rule('strangers', { id: 'team-9', name: 'Sales' }),
    rule('above', { id: 'team-0', name: 'Product', parentId: null }),
    rule('own', { id: 'team-1', name: 'Engineering', parentId: 'team-0' }),
  ];
  const event = parseEvent(merge(created, { guidance }));
  expect(event.type === 'session-created' && event.guidance.map(({ body }) => body)).toEqual(['own', 'above', 'strangers', 'everybody']);
});

test('unassigned, access changed, revoked', () => {
  const base = { organizationId: 'org-1', appUserId: 'app-1', oauthClientId: 'client-1' };
  const notification = { id: 'n1', type: 'issueUnassignedFromYou', issueId: 'issue-1', issue, actor: { id: 'user-1', name: 'Ada' } };
  expect(parseEvent({ ...base, type: 'AppUserNotification', action: 'issueUnassignedFromYou', notification })).toEqual({
    type: 'unassigned',
    workspaceId: 'org-1',
    issueId: 'issue-1',
    notificationId: 'n1',
    actor: { id: 'user-1', name: 'Ada' },
    appUserId: 'app-1',
  });
  expect(
    parseEvent({
      ...base,
      type: 'PermissionChange',
      action: 'teamAccessChanged',
      canAccessAllPublicTeams: false,
      addedTeamIds: [],
      removedTeamIds: ['t'],
    }),
  ).toEqual({
    type: 'permission-changed',
    workspaceId: 'org-1',
    appUserId: 'app-1',
    canAccessAllPublicTeams: false,
    addedTeamIds: [],
    removedTeamIds: ['t'],
  });
  expect(parseEvent({ ...base, type: 'OAuthApp', action: 'revoked' })).toEqual({
    type: 'revoked',
    workspaceId: 'org-1',
    oauthClientId: 'client-1',
  });
});

test.each([
  [
    { type: 'AppUserNotification', action: 'issueNewComment' },
    'AppUserNotification issueNewComment: what is said in a session comes as a prompt; other comments are read with the issue',
  ],
  [{ type: 'AppUserNotification', action: 'issueEmojiReaction' }, 'AppUserNotification issueEmojiReaction: asks for nothing'],
  [{ type: 'Issue', action: 'create' }, 'Issue create'],
  [{ type: 'Reaction', action: 'create' }, 'Reaction'],
  [
    { type: 'AgentSessionEvent', action: 'created' },
    'malformed AgentSessionEvent: organizationId: Invalid input: expected string, received undefined',
  ],
  [merge(created, { action: 'dismissed' }), 'AgentSessionEvent dismissed'],
  [{}, 'nothing named'],
])('ignored, and says why: %#', (body, why) => {
  expect(parseEvent(body)).toEqual({ type: 'ignored', why });
});

test('the key of an event is the same for every delivery of it, and another for another event', () => {
  const keys = [created, prompted, merge(prompted, { agentActivity: { ...prompted.agentActivity, id: 'activity-2' } })].map((body) =>
    eventKey(parseEvent(body)),
  );
  expect(keys).toEqual(['created:session-1', 'prompted:session-1:activity-1', 'prompted:session-1:activity-2']);
  expect(eventKey(parseEvent(merge(created, { webhookTimestamp: 2, webhookId: 'x' })))).toBe('created:session-1');
  expect(eventKey({ type: 'ignored', why: 'x' })).toBeUndefined();
});

test('no body makes it throw', () => {
  const part = fc.constantFrom<unknown>(created, prompted, created.agentSession, issue, null, 'x', 1, [], {}, '__proto__');
  const body = fc.dictionary(
    fc.constantFrom(...Object.keys(prompted), 'data', 'notification', 'updatedFrom', 'actor'),
    fc.oneof(part, fc.jsonValue()),
  );
  const types = fc.constantFrom('AgentSessionEvent', 'Issue', 'AppUserNotification', 'PermissionChange', 'OAuthApp');
  fc.assert(
    fc.property(
      body,
      types,
      fc.constantFrom('created', 'prompted', 'update', 'issueUnassignedFromYou', 'revoked'),
      (fields, type, action) => {
        const event: LinearEvent = parseEvent({ ...fields, type, action });
        return event.type.length > 0;
      },
    ),
  );
});
