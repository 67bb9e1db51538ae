import { createHmac, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { payloadProblems } from '../src/webhooks/contract.ts';
import { secret, startBench, startReceiver, startSession, until } from './harness.ts';

describe('a webhook', () => {
  test('carries the documented headers and a signature of its raw bytes', async () => {
    const { receiver } = await startSession();
    const { raw, headers, body } = await until(() => receiver.received.find((each) => each.body.type === 'AgentSessionEvent'));
    expect(headers['linear-signature']).toBe(createHmac('sha256', secret).update(raw).digest('hex'));
    expect(headers).toMatchObject({ 'linear-event': 'AgentSessionEvent', 'user-agent': 'Linear-Webhook' });
    expect(headers['linear-delivery']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(Math.abs(Date.now() - body.webhookTimestamp)).toBeLessThan(60_000);
  });

  test('of every kind fits its type in the schema', async () => {
    const { linear, receiver, issueId, sessionId, human } = await startSession();
    const { people } = linear;
    people.edit(issueId, { state: 'Todo', labels: ['Bug'], project: 'Shop', title: 'Other' });
    people.prompt(sessionId, { body: 'and?' });
    const { comment } = people.comment(issueId, { body: 'plain' });
    people.comment(issueId, { body: 'hey', mention: true, parent: comment.id });
    await human.updateComment(comment.id, { body: 'edited' });
    people.changeTeamAccess({ removed: ['ENG'] });
    people.undelegate(issueId);
    people.revokeApp();
    const contracts: Readonly<Record<string, string>> = {
      AgentSessionEvent: 'AgentSessionEventWebhookPayload',
      AppUserNotification: 'AppUserNotificationWebhookPayload',
      PermissionChange: 'AppUserTeamAccessChangedWebhookPayload',
      OAuthApp: 'OAuthAppWebhookPayload',
      Issue: 'EntityWebhookPayload',
      Comment: 'EntityWebhookPayload',
    };
    await until(() => Object.keys(contracts).every((type) => receiver.bodies(type).length) && receiver.bodies('Comment', 'update')[0]);
    for (const { body, status } of receiver.received) {
      expect(status).toBe(200);
      expect(payloadProblems(linear.schema, contracts[body.type] ?? '', body)).toEqual([]);
    }
    const actions = new Set(receiver.received.map(({ body }) => `${body.type} ${body.action}`));
    expect([...actions].sort()).toEqual([
      'AgentSessionEvent created',
      'AgentSessionEvent prompted',
      'AppUserNotification issueAssignedToYou',
      'AppUserNotification issueCommentMention',
      'AppUserNotification issueNewComment',
      'AppUserNotification issueStatusChanged',
      'AppUserNotification issueUnassignedFromYou',
      'Comment create',
      'Comment update',
      'Issue create',
      'Issue update',
      'OAuthApp revoked',
      'PermissionChange teamAccessChanged',
    ]);
  });

  test('of an issue says what changed and who did it', async () => {
    const { linear, receiver, agent } = await startBench();
    const issue = linear.people.createIssue({ title: 'old' });
    const state = (await agent.workflowStates({ filter: { name: { eq: 'In Progress' } } })).nodes[0];
    await agent.updateIssue(issue.id, { stateId: state?.id ?? '', title: 'new' });
    const update = await until(() => receiver.bodies('Issue', 'update')[0]);
    expect(update).toMatchObject({
      updatedFrom: { title: 'old' },
      data: { title: 'new', state: { name: 'In Progress' } },
      actor: { id: linear.app.id },
    });
    expect(Object.keys(update.updatedFrom)).toContain('stateId');
  });
});

describe('delivery', () => {
  test('is tried again after 1 min, 1 h and 6 h with the same bytes and id, then given up', async () => {
    const { linear, receiver } = await startBench({ timeScale: 200_000, events: ['AgentSessionEvent'] });
    receiver.nextStatuses.push(503, 500, 404, 503);
    linear.people.createIssue({ title: 'x', delegate: true });
    await until(() => linear.control.deliveries().length === 4);
    const [first] = receiver.received;
    expect(new Set(receiver.received.map((each) => each.raw)).size).toBe(1);
    expect(new Set(receiver.received.map((each) => each.headers['linear-delivery'])).size).toBe(1);
    const gaps = receiver.received.slice(1).map((each, index) => each.at - (receiver.received[index]?.at ?? 0));
    expect(gaps[2]).toBeGreaterThanOrEqual(21_600_000 / 200_000 - 2);
    linear.people.createIssue({ title: 'y', delegate: true });
    await until(() => linear.control.deliveries().length === 5);
    expect(receiver.received[4]?.raw).not.toBe(first?.raw);
    expect(linear.control.deliveries().map(({ attempt, status }) => [attempt, status])).toEqual([
      [0, 503],
      [1, 500],
      [2, 404],
      [3, 503],
      [0, 200],
    ]);
  });

  test('may name each retry anew', async () => {
    const { linear, receiver } = await startBench({ timeScale: 100_000, events: ['AgentSessionEvent'], retryDeliveryId: 'new' });
    receiver.nextStatuses.push(503);
    linear.people.createIssue({ title: 'x', delegate: true });
    await until(() => receiver.received.length === 2);
    expect(new Set(receiver.received.map((each) => each.headers['linear-delivery'])).size).toBe(2);
  });

  test('waits for an answer only so long, and says so', async () => {
    const { linear, receiver } = await startBench({ webhookTimeoutMs: 50, events: ['AgentSessionEvent'] });
    receiver.answerDelayMs = 150;
    linear.people.createIssue({ title: 'x', delegate: true });
    const attempt = await until(() => linear.control.deliveries()[0]);
    expect([attempt.status, attempt.error]).toEqual([0, 'no answer within 50 ms']);
    expect(linear.control.violations().map((each) => each.kind)).toEqual(['webhook_timeout']);
  });

  test('goes to an address set later, retries included; never off this machine', async () => {
    const { linear, receiver } = await startBench({ timeScale: 20_000, events: ['AgentSessionEvent'] });
    receiver.nextStatuses.push(503, 503, 503);
    const second = await startReceiver();
    linear.people.createIssue({ title: 'x', delegate: true });
    await until(() => receiver.received.length > 0);
    const set = await fetch(`${linear.url}/control/webhook`, { method: 'POST', body: JSON.stringify({ url: second.url, secret }) });
    expect(set.status).toBe(200);
    await until(() => second.received.length === 1);
    expect(second.received[0]?.raw).toBe(receiver.received[0]?.raw);
    expect(() => linear.control.setWebhook({ url: 'http://example.com/', secret })).toThrow(/on this machine/);
    expect(() => linear.control.setWebhook({ url: second.url, secret: '' })).toThrow(/secret/);
  });

  test('a wrong secret and a forged body are refused by the SDK’s client', async () => {
    const { linear, receiver } = await startBench({ timeScale: 100_000, events: ['AgentSessionEvent'] });
    linear.control.setWebhook({ url: receiver.url, secret: 'other' });
    linear.people.createIssue({ title: 'x', delegate: true });
    await until(() => receiver.received.length === 4);
    expect(receiver.received.map((each) => each.status)).toEqual([400, 400, 400, 400]);
    const body = JSON.stringify({ type: 'AgentSessionEvent', webhookTimestamp: Date.now(), id: randomUUID() });
    const forged = await fetch(receiver.url, { method: 'POST', body, headers: { 'linear-signature': '0'.repeat(64) } });
    expect(forged.status).toBe(400);
  });
});
