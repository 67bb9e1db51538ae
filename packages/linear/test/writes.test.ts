import { manualClock } from 'cyrus-core/clock';
import { createLinear, type LinearClient } from 'cyrus-linear/client';
import { type ActivityWrite, type LinearWrite, perform } from 'cyrus-linear/writes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AnsweringServer, answeringServer, type Reply } from './answering-server.ts';

const now = Date.UTC(2026, 10, 21);
const id = '0b8f5a7e-3c1d-4e2f-9a6b-7c8d9e0f1a2b';
const thought: ActivityWrite = { kind: 'activity', id, sessionId: 's', content: { type: 'thought', body: 'Reading' }, ephemeral: true };
let server: AnsweringServer;
let client: LinearClient;
beforeAll(async () => {
  server = await answeringServer();
  client = createLinear({ apiUrl: server.url, token: 't', clock: manualClock(now) });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
const refusal = (message: string, presentable = message, code = 'INPUT_ERROR'): Reply => ({
  body: {
    data: null,
    errors: [
      { message, extensions: { code, type: 'invalid input', statusCode: 400, userError: true, userPresentableMessage: presentable } },
    ],
  },
});

test.each<[LinearWrite, string, object]>([
  [thought, 'agentActivityCreate', { input: { id, agentSessionId: 's', content: { type: 'thought', body: 'Reading' }, ephemeral: true } }],
  [
    { kind: 'activity', id, sessionId: 's', content: { type: 'action', action: 'Ran', parameter: 'npm test', result: 'ok' } },
    'agentActivityCreate',
    { input: { id, agentSessionId: 's', content: { type: 'action', action: 'Ran', parameter: 'npm test', result: 'ok' } } },
  ],
  [
    {
      kind: 'activity',
      id,
      sessionId: 's',
      content: { type: 'elicitation', body: 'Which?' },
      signal: 'select',
      signalMetadata: { options: [{ value: 'a' }] },
    },
    'agentActivityCreate',
    {
      input: {
        id,
        agentSessionId: 's',
        content: { type: 'elicitation', body: 'Which?' },
        signal: 'select',
        signalMetadata: { options: [{ value: 'a' }] },
      },
    },
  ],
  [
    { kind: 'checklist', sessionId: 's', items: [{ content: 'Read', status: 'inProgress' }] },
    'agentSessionUpdate',
    { id: 's', input: { plan: [{ content: 'Read', status: 'inProgress' }] } },
  ],
  [
    { kind: 'externalUrls', sessionId: 's', urls: [{ label: 'PR', url: 'https://x.test/1' }] },
    'agentSessionUpdate',
    { id: 's', input: { externalUrls: [{ label: 'PR', url: 'https://x.test/1' }] } },
  ],
  [{ kind: 'issueState', issueId: 'i', stateId: 'st' }, 'issueUpdate', { id: 'i', input: { stateId: 'st' } }],
  [{ kind: 'delegate', issueId: 'i', userId: null }, 'issueUpdate', { id: 'i', input: { delegateId: null } }],
  [
    { kind: 'comment', id, issueId: 'i', parentId: 'p', body: 'Hi' },
    'commentCreate',
    { input: { id, issueId: 'i', parentId: 'p', body: 'Hi' } },
  ],
  [
    { kind: 'attachment', issueId: 'i', title: 'PR', url: 'https://x.test/1' },
    'attachmentCreate',
    { input: { issueId: 'i', title: 'PR', url: 'https://x.test/1' } },
  ],
])('%j is one call', async (write, mutation, variables) => {
  const entity = {
    agentActivityCreate: 'agentActivity',
    agentSessionUpdate: 'agentSession',
    issueUpdate: 'issue',
    commentCreate: 'comment',
    attachmentCreate: 'attachment',
  }[mutation];
  const before = server.calls.length;
  server.answer({ body: { data: { [mutation]: { success: true, [entity ?? '']: { id: 'remote' } } } } });
  expect(await perform(client, write)).toEqual({ state: 'sent', remoteId: 'remote' });
  expect(server.calls.slice(before)).toMatchObject([{ query: expect.stringContaining(`${mutation}(`), variables }]);
});

test('an answer or a question is never ephemeral, whatever was asked for', async () => {
  server.answer({ body: { data: { agentActivityCreate: { success: true, agentActivity: { id } } } } });
  await perform(client, { ...thought, content: { type: 'response', body: 'Done' } });
  expect(server.calls.at(-1)?.variables['input']).not.toHaveProperty('ephemeral');
});

test('texts are cleaned and cut to what Linear takes', async () => {
  server.answer({ body: { data: { agentActivityCreate: { success: true, agentActivity: { id } } } } });
  await perform(client, { ...thought, content: { type: 'response', body: `a\u0000b${'x'.repeat(1_000_000)}` } });
  const input = server.calls.at(-1)?.variables['input'] as { content: { body: string } };
  expect(input.content.body).toMatch(/^abx+\n\n… [\d,]+ characters left out …/);
  expect(input.content.body.length).toBeLessThanOrEqual(60_000);
});

describe('an id that Linear has already is a write that arrived', () => {
  test('Linear names the id: no further call', async () => {
    const before = server.calls.length;
    server.answer(refusal('conflict on insert of AgentActivity', `Entity AgentActivity with id ${id} already exists.`));
    expect(await perform(client, thought)).toEqual({ state: 'sent', remoteId: id });
    expect(server.calls.length - before).toBe(1);
  });

  test('the wording leaves doubt: Linear is asked, and has it', async () => {
    server.answer(refusal('Entity already exists: Comment'), { body: { data: { comment: { id } } } });
    expect(await perform(client, { kind: 'comment', id, issueId: 'i', body: 'x' })).toEqual({ state: 'sent', remoteId: id });
    expect(server.calls.at(-1)).toMatchObject({ query: expect.stringContaining('comment(id: $id)'), variables: { id } });
  });

  test('the wording leaves doubt: Linear is asked, and has it not', async () => {
    server.answer(refusal('conflict on insert of DocumentContent'), refusal('Entity not found: Comment'));
    expect(await perform(client, { kind: 'comment', id, issueId: 'i', body: 'x' })).toMatchObject({
      state: 'rejected',
      failure: { message: expect.stringContaining('DocumentContent') },
    });
  });

  test('the wording leaves doubt and the question goes unanswered: again later', async () => {
    server.answer(refusal('conflict on insert of AgentActivity'), { status: 503, body: '' });
    expect(await perform(client, thought)).toMatchObject({ state: 'retry', failure: { class: 'network' } });
  });
});

test.each<[string, Reply, object]>([
  ['the session is gone', refusal('Entity not found: AgentSession'), { state: 'rejected', failure: { class: 'invalid_request' } }],
  ['an input that Linear refuses', refusal('Argument Validation Error'), { state: 'rejected' }],
  [
    'the rate limit',
    {
      status: 400,
      headers: { 'retry-after': '90' },
      body: { errors: [{ message: 'Rate limit exceeded', extensions: { code: 'RATELIMITED' } }] },
    },
    { state: 'retry', retryAt: now + 90_000, failure: { class: 'rate_limited', retryAt: now + 90_000 } },
  ],
  [
    'a bad token',
    { status: 401, body: { errors: [{ message: 'Authentication required, not authenticated' }] } },
    { state: 'retry', failure: { class: 'auth' } },
  ],
  ['an outage', { status: 503, body: 'upstream' }, { state: 'retry', failure: { class: 'network' } }],
  ['a lost answer', (response) => response.destroy(), { state: 'retry', failure: { class: 'network' } }],
  ['success: false', { body: { data: { agentActivityCreate: { success: false } } } }, { state: 'rejected' }],
])('%s', async (_name, reply, expected) => {
  const before = server.calls.length;
  server.answer(reply);
  const outcome = await perform(client, thought);
  expect(outcome).toMatchObject(expected);
  if (!('retryAt' in expected)) expect(outcome).not.toHaveProperty('retryAt');
  expect(server.calls.length - before).toBe(1);
});
