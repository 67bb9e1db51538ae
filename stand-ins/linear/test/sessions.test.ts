import { InvalidInputLinearError, LinearDocument } from '@linear/sdk';
import { describe, expect, test } from 'vitest';
import { payloadProblems } from '../src/webhooks/contract.ts';
import { startBench, startSession, until } from './harness.ts';

const { Select } = LinearDocument.AgentActivitySignal;

test('activities of one millisecond are still told apart by their time', async () => {
  const { linear } = await startBench();
  const { sessions } = linear.people.createIssue({ title: 'x', delegate: true });
  const sessionId = sessions[0] ?? '';
  for (let n = 0; n < 20; n++) linear.people.prompt(sessionId, { body: `message ${n}` });
  const times = (linear.control.session(sessionId)?.activities ?? []).map(({ createdAt }) => Date.parse(createdAt));
  expect(times).toHaveLength(20);
  expect(times.every((at, index) => index === 0 || at > (times[index - 1] ?? 0))).toBe(true);
});

describe('a session opens', () => {
  test('by delegation: delegate set, assignee kept, created sent with context and guidance', async () => {
    const { linear, receiver, agent } = await startBench({ guidance: ['Write tests.'] });
    linear.people.createIssue({ title: 'Fix <checkout>', description: 'a & b', labels: ['Bug'], assignee: 'Grace' });
    const { session } = linear.people.delegate('ENG-1', { as: 'Grace' });
    const created = await until(() => receiver.bodies('AgentSessionEvent', 'created')[0]);
    expect(payloadProblems(linear.schema, 'AgentSessionEventWebhookPayload', created)).toEqual([]);
    expect(created).toMatchObject({
      appUserId: linear.app.id,
      guidance: [{ body: 'Write tests.', origin: { type: 'Team', team: { key: 'ENG' } } }],
      previousComments: null,
      agentSession: {
        id: session?.id,
        status: 'pending',
        creator: { name: 'Grace' },
        issue: { identifier: 'ENG-1', team: { key: 'ENG' } },
      },
    });
    expect(created.agentSession.issue.state).toBeUndefined();
    expect(created.agentSession.comment.body).toBe('This thread is for an agent session with Cyrus.');
    expect(created.promptContext).toContain('<issue identifier="ENG-1">\n<title>Fix &lt;checkout&gt;</title>');
    expect(created.promptContext).toContain('<label>Bug</label>');
    expect(created.promptContext).not.toContain('This thread is for');
    const issue = await agent.issue('ENG-1');
    expect([(await issue.delegate)?.name, (await issue.assignee)?.name]).toEqual(['Cyrus', 'Grace']);
    await until(() => receiver.bodies('AppUserNotification', 'issueAssignedToYou')[0]);
  });

  test('by assignment to the app, which becomes the delegate', async () => {
    const { linear, human, receiver } = await startBench();
    const { id } = linear.people.createIssue({ title: 'x', assignee: 'Ada' });
    await human.updateIssue(id, { assigneeId: linear.app.id });
    await until(() => receiver.bodies('AgentSessionEvent', 'created')[0]);
    expect(linear.control.issue(id)).toMatchObject({ assignee: 'Ada', delegate: 'Cyrus' });
  });

  test('by a mention, in a thread with what was said before', async () => {
    const { linear, receiver } = await startBench();
    const issue = linear.people.createIssue({ title: 'x' });
    const root = linear.people.comment(issue.id, { body: 'it is slow' });
    expect(root.session).toBeNull();
    linear.people.comment(issue.id, { body: 'look at this', mention: true, parent: root.comment.id, as: 'Grace' });
    const created = await until(() => receiver.bodies('AgentSessionEvent', 'created')[0]);
    expect(created.agentSession.comment.body).toBe('it is slow');
    expect(created.agentSession.sourceCommentId).not.toBe(root.comment.id);
    expect(created.previousComments.map((comment: { body: string }) => comment.body)).toEqual(['it is slow']);
    expect(created.promptContext).toMatch(/primary-directive-thread[\s\S]*@cyrus look at this/);
    expect(linear.control.issue(issue.id)?.delegate).toBeNull();
  });

  test('not by words that only look like a mention, and not by the agent’s own comments', async () => {
    const { linear, agent } = await startBench();
    const issue = linear.people.createIssue({ title: 'x' });
    for (const body of ['mail me@cyrus.example', '@cyrusade', 'cyrus']) linear.people.comment(issue.id, { body });
    await agent.createComment({ issueId: issue.id, body: '@cyrus talks to itself' });
    expect(linear.control.state().sessions).toEqual([]);
  });

  test('by the agent itself, silently unless told otherwise', async () => {
    const { linear, agent, human, receiver } = await startBench();
    linear.people.createIssue({ title: 'x' });
    const payload = await agent.agentSessionCreateOnIssue({ issueId: 'ENG-1' });
    expect((await payload.agentSession)?.status).toBe('pending');
    await expect(human.agentSessionCreateOnIssue({ issueId: 'ENG-1' })).rejects.toThrow(/Only app users/);
    const { comment } = linear.people.comment('ENG-1', { body: 'root' });
    expect((await agent.agentSessionCreateOnComment({ commentId: comment.id })).success).toBe(true);
    await until(() => receiver.bodies('Comment').length >= 2);
    expect(receiver.bodies('AgentSessionEvent')).toEqual([]);

    const loud = await startBench({ announceOwnSessions: true });
    loud.linear.people.createIssue({ title: 'x' });
    await loud.agent.agentSessionCreateOnIssue({ issueId: 'ENG-1' });
    expect((await until(() => loud.receiver.bodies('AgentSessionEvent', 'created')[0])).agentSession.creator).toBeNull();
  });
});

describe('the agent reports', () => {
  test('thoughts and actions; an ephemeral one lasts until the next', async () => {
    const { agent, linear, act, sessionId } = await startSession();
    await act({ type: 'thought', body: 'Looking' }, { ephemeral: true });
    expect((await agent.agentSession(sessionId)).status).toBe('active');
    await act({ type: 'action', action: 'Searching', parameter: 'README' });
    await act({ type: 'action', action: 'Searched', parameter: 'README', result: 'found' });
    const { nodes } = await (await agent.agentSession(sessionId)).activities();
    expect(nodes.map((each) => each.content.__typename)).toEqual(['AgentActivityActionContent', 'AgentActivityActionContent']);
    const kept = linear.control
      .session(sessionId)
      ?.activities.map(({ type, action, result, replaced }) => [type, action, result, replaced]);
    expect(kept).toEqual([
      ['thought', null, null, true],
      ['action', 'Searching', null, false],
      ['action', 'Searched', 'found', false],
    ]);
  });

  test('a checklist, external URLs and a summary', async () => {
    const { agent, linear, sessionId } = await startSession();
    const plan = [
      { content: 'read', status: 'completed' },
      { content: 'write', status: 'inProgress' },
    ] as unknown as Record<string, unknown>;
    await agent.updateAgentSession(sessionId, { plan, summary: 'half', addedExternalUrls: [{ label: 'Run', url: 'http://127.0.0.1/x' }] });
    const session = await agent.agentSession(sessionId);
    expect(session.plan).toEqual(plan);
    expect(session.externalLinks.map((link) => link.label)).toEqual(['Run']);
    const twice = agent.updateAgentSession(sessionId, { addedExternalUrls: [{ label: 'Again', url: 'http://127.0.0.1/x' }] });
    await expect(twice).rejects.toThrow(/unique urls/);
    await agent.updateAgentSession(sessionId, { removedExternalUrls: ['http://127.0.0.1/x'] });
    await expect(agent.updateAgentSession(sessionId, { plan: { steps: [] } })).rejects.toBeInstanceOf(InvalidInputLinearError);
    expect(linear.control.session(sessionId)).toMatchObject({ plan, summary: 'half', externalUrls: [] });
  });

  test('a question, answered by choice; the status follows', async () => {
    const { linear, act, sessionId, receiver } = await startSession();
    const options = [
      { label: 'API', value: 'org/api' },
      { label: 'Web', value: 'org/web' },
    ];
    await act({ type: 'elicitation', body: 'Which?' }, { signal: Select, signalMetadata: { options } });
    expect(linear.control.session(sessionId)?.status).toBe('awaitingInput');
    linear.people.answer(sessionId, { value: 'org/web' });
    const prompted = await until(() => receiver.bodies('AgentSessionEvent', 'prompted')[0]);
    expect(prompted.agentActivity).toMatchObject({ content: { type: 'prompt', body: 'Web' }, signal: null, user: { name: 'Ada' } });
    expect(() => linear.people.answer(sessionId, { body: 'more' })).toThrow(/asks nothing/);
  });

  test.each([
    ['response', 'complete'],
    ['error', 'error'],
    ['elicitation', 'awaitingInput'],
  ])('a %s leaves the session %s and becomes a comment of its thread', async (type, status) => {
    const { linear, act, sessionId, issueId } = await startSession();
    await act({ type: 'thought', body: 'hm' });
    await act({ type, body: `the ${type}` });
    const session = linear.control.session(sessionId);
    expect([session?.status, session?.closings]).toEqual([status, 1]);
    const comments = linear.control.issue(issueId)?.comments.map(({ user, body, parentId }) => [user, body, parentId]);
    expect(comments?.slice(1)).toEqual([['Cyrus', `the ${type}`, session?.commentId]]);
  });

  test('a chosen id is honoured; the same id again is refused and changes nothing', async () => {
    const { linear, act, sessionId } = await startSession();
    const id = 'b3b8f0de-93a5-4a52-9d3e-0e5a3c0f9a11';
    const first = await (await act({ type: 'response', body: 'done' }, { id })).agentActivity;
    expect(first?.id).toBe(id);
    const again = act({ type: 'thought', body: 'again' }, { id });
    await expect(again).rejects.toBeInstanceOf(InvalidInputLinearError);
    await expect(again).rejects.toThrow(/Entity already exists: AgentActivity/);
    expect(linear.control.session(sessionId)).toMatchObject({ status: 'complete', closings: 1, activities: [{ id }] });
  });

  test.each<[string, unknown, object]>([
    ['a prompt', { type: 'prompt', body: 'x' }, {}],
    ['an unknown type', { type: 'toString', body: 'x' }, {}],
    ['a thought without a body', { type: 'thought' }, {}],
    ['an action without a parameter', { type: 'action', action: 'x' }, {}],
    ['a field that does not belong', { type: 'thought', body: 'x', title: 'y' }, {}],
    ['an ephemeral response', { type: 'response', body: 'x' }, { ephemeral: true }],
    ['a choice on a thought', { type: 'thought', body: 'x' }, { signal: Select, signalMetadata: { options: [{ value: 'a' }] } }],
    ['a choice without options', { type: 'elicitation', body: 'x' }, { signal: Select }],
    ['an id that is no UUID', { type: 'thought', body: 'x' }, { id: 'one' }],
  ])('%s is refused', async (_name, content, more) => {
    const { linear, act, sessionId } = await startSession();
    await expect(act(content, more)).rejects.toBeInstanceOf(InvalidInputLinearError);
    expect(linear.control.session(sessionId)?.activities).toEqual([]);
  });

  test('a person’s API key may not act as the agent', async () => {
    const { human, linear, sessionId } = await startSession();
    const acting = human.createAgentActivity({ agentSessionId: sessionId, content: { type: 'thought', body: 'x' } });
    await expect(acting).rejects.toMatchObject({ type: 'Forbidden' });
    expect(linear.control.session(sessionId)?.activities).toEqual([]);
  });

  test('to a session that was deleted: not found', async () => {
    const { linear, act, sessionId } = await startSession();
    linear.people.deleteSession(sessionId);
    await expect(act({ type: 'thought', body: 'x' })).rejects.toThrow(/Entity not found: AgentSession/);
  });
});

describe('a person steers', () => {
  test('by a message or a reply in the thread', async () => {
    const { linear, receiver, sessionId, issueId } = await startSession();
    linear.people.prompt(sessionId, { body: 'also the tests' });
    const thread = linear.control.session(sessionId)?.commentId ?? '';
    linear.people.comment(issueId, { body: 'and the docs', parent: thread, as: 'Grace' });
    await until(() => receiver.bodies('AgentSessionEvent', 'prompted').length === 2);
    const said = receiver
      .bodies('AgentSessionEvent', 'prompted')
      .map((body) => [body.agentActivity.content.body, body.agentActivity.user.name]);
    expect(said.sort()).toEqual([
      ['also the tests', 'Ada'],
      ['and the docs', 'Grace'],
    ]);
    expect(linear.control.session(sessionId)?.prompts).toBe(3);
    expect(linear.control.state().sessions.length).toBe(1);
  });

  test('stop: one final answer is right, anything more is a violation', async () => {
    const { linear, agent, receiver, act, sessionId, issueId } = await startSession();
    await act({ type: 'thought', body: 'working' });
    linear.people.stop(sessionId);
    const prompted = await until(() => receiver.bodies('AgentSessionEvent', 'prompted')[0]);
    expect(prompted.agentActivity.signal).toBe('stop');
    const { stop, status } = await until(() => {
      const session = linear.control.session(sessionId);
      return session?.stop?.deliveredAt && session;
    });
    expect([stop?.reason, status]).toEqual(['stop', 'stopping']);
    await until(() => Date.now() > (stop?.deliveredAt ?? 0));
    await act({ type: 'response', body: 'Stopped.' });
    expect(linear.control.violations()).toEqual([]);
    expect(linear.control.session(sessionId)?.status).toBe('complete');
    await act({ type: 'thought', body: 'one more thing' });
    await act({ type: 'response', body: 'Really stopped.' });
    await agent.updateIssue(issueId, { title: 'meddled' });
    expect(linear.control.violations().map(({ kind, session, detail }) => [kind, session, detail?.['type'] ?? detail?.['write']])).toEqual([
      ['activity_after_stop', sessionId, 'thought'],
      ['activity_after_stop', sessionId, 'response'],
      ['write_after_stop', sessionId, 'issueUpdate'],
    ]);
    linear.people.prompt(sessionId, { body: 'go on' });
    await act({ type: 'thought', body: 'going on' });
    expect(linear.control.violations().length).toBe(3);
  });

  test('a stop that was not yet delivered is not held against the agent', async () => {
    const { linear, act, sessionId } = await startSession();
    linear.control.addFault({ kind: 'outage', ms: 60_000, direction: 'out' });
    linear.people.stop(sessionId);
    await act({ type: 'thought', body: 'on its way' });
    expect(linear.control.violations()).toEqual([]);
  });

  test('taking the issue away counts as a stop and is told', async () => {
    const { linear, receiver, act, sessionId, issueId } = await startSession();
    linear.people.undelegate(issueId);
    const notice = await until(() => receiver.bodies('AppUserNotification', 'issueUnassignedFromYou')[0]);
    expect(notice.notification).toMatchObject({ issueId, actor: { name: 'Ada' } });
    const { stop } = await until(() => {
      const session = linear.control.session(sessionId);
      return session?.stop?.deliveredAt && session;
    });
    expect(stop?.reason).toBe('unassigned');
    await until(() => Date.now() > (stop?.deliveredAt ?? 0));
    await act({ type: 'action', action: 'Pushing', parameter: 'main' });
    expect(linear.control.violations().map((each) => each.kind)).toEqual(['activity_after_stop']);
  });

  test('dismissing the session removes the delegate', async () => {
    const { linear, receiver, sessionId, issueId } = await startSession();
    expect(linear.people.dismiss(sessionId).dismissedAt).not.toBeNull();
    expect(linear.control.issue(issueId)?.delegate).toBeNull();
    await until(() => receiver.bodies('AppUserNotification', 'issueUnassignedFromYou')[0]);
    expect(() => linear.people.dismiss(sessionId)).toThrow();
  });
});

describe('deadlines', () => {
  test('10 s without a sign is unresponsive; any activity recovers', async () => {
    const { linear, act, sessionId } = await startSession({ timeScale: 100 });
    await until(() => linear.control.session(sessionId)?.unresponsive);
    expect(linear.control.session(sessionId)?.status).toBe('stale');
    expect(linear.control.violations()).toMatchObject([{ kind: 'no_first_activity', session: sessionId }]);
    await act({ type: 'thought', body: 'back' });
    expect(linear.control.session(sessionId)).toMatchObject({ status: 'active', unresponsive: false });
  });
});
