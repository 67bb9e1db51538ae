/** Failures that agents of Linear have met in the field, each provoked and then survived, through this adapter. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { idOf } from 'cyrus-core/ids';
import { createLinear, type LinearClient } from 'cyrus-linear/client';
import { eventKey } from 'cyrus-linear/events';
import { oauthAddresses } from 'cyrus-linear/oauth';
import { createOauthAccess } from 'cyrus-linear/oauth-access';
import { createTokenStore } from 'cyrus-linear/token-store';
import { perform, type WriteOutcome } from 'cyrus-linear/writes';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Receiver, receiver } from './receiver.ts';

const secret = 'whsec_test';
let directory: string;
let hooks: Receiver;
let linear: LinearStandIn;
let client: LinearClient;
let sessionId: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cyrus-field-'));
  hooks = await receiver(secret, systemClock);
  // Linear's minute is three tenths of a second.
  linear = await startLinear({ webhook: { url: hooks.url, secret }, refreshToken: 'first', timeScale: 200, deadlineScale: 1 });
  const access = createOauthAccess({
    key: 'k',
    origin: { kind: 'configured', refreshToken: 'first', accessToken: 'lin_oauth_app' },
    store: createTokenStore(directory, systemClock),
    app: () => ({ clientId: 'app', addresses: oauthAddresses({ apiUrl: linear.graphqlUrl }), clock: systemClock }),
    clock: systemClock,
  });
  client = createLinear({ apiUrl: linear.graphqlUrl, token: access, clock: systemClock });
});
afterAll(async () => {
  await linear.stop();
  await hooks[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  linear.control.removeFault();
  const { sessions } = linear.people.createIssue({ title: 'Fix it', delegate: true });
  sessionId = sessions[0] ?? '';
  await hooks.event('session-created', (event) => event.sessionId === sessionId);
});

const say = (body: string): Promise<WriteOutcome> =>
  perform(client, { kind: 'activity', id: idOf(`${sessionId}:${body}`), sessionId, content: { type: 'thought', body } });
const said = () => linear.control.session(sessionId)?.activities.flatMap(({ byAgent, body }) => (byAgent ? [body] : []));

test.each([
  ['429', 429],
  ['400, as Linear sends it', 400],
] as const)(
  'a rate limit in the middle of a session, by %s: the time is told, the same write is made once later',
  async (_name, status) => {
    expect(await say('one')).toMatchObject({ state: 'sent' });
    linear.control.addFault({ kind: 'rate-limit', requests: 1, status, retryAfterSeconds: 7 });
    const before = Date.now();
    const limited = await say('two');
    expect(limited).toMatchObject({ state: 'retry', failure: { class: 'rate_limited' } });
    const retryAt = limited.state === 'retry' ? (limited.retryAt ?? 0) : 0;
    expect(retryAt).toBeGreaterThan(before + 5_000);
    expect(retryAt).toBeLessThan(Date.now() + 9_000);
    expect(await say('two')).toMatchObject({ state: 'sent' });
    expect(said()).toEqual(['one', 'two']);
  },
);

test('a token that expires in the middle of a session: nobody sees it', async () => {
  expect(await say('one')).toMatchObject({ state: 'sent' });
  linear.control.addFault({ kind: 'expired-token' });
  expect(await say('two')).toMatchObject({ state: 'sent' });
  expect(said()).toEqual(['one', 'two']);
});

test('a token that expires while the answer to its renewal is lost: the write waits, and is made once', async () => {
  linear.control.addFault({ kind: 'expired-token' });
  linear.control.addFault({ kind: 'cut', field: 'oauthToken' });
  expect(await say('one')).toMatchObject({ state: 'retry', failure: { class: 'network' } });
  expect(await say('one')).toMatchObject({ state: 'sent' });
  expect(said()).toEqual(['one']);
});

test('the peer of the webhooks is down: Linear’s retry is the same event', async () => {
  hooks.failNext.push(503);
  const { sessions } = linear.people.createIssue({ title: 'Knock twice', delegate: true });
  const statuses = () =>
    linear.control.deliveries().flatMap((each) => (each.session === sessions[0] && each.action === 'created' ? [each.status] : []));
  await expect.poll(statuses).toEqual([503, 200]);
  const events = (await hooks.events('session-created')).filter((each) => each.sessionId === sessions[0]);
  expect(events).toHaveLength(2);
  expect(new Set(events.map(eventKey)).size).toBe(1);
});

test.each(['before', 'after'] as const)('an answer that is lost %s its effect: sent again with its id, it is there once', async (when) => {
  linear.control.addFault({ kind: 'cut', field: 'agentActivityCreate', when });
  expect(await say('one')).toMatchObject({ state: 'retry' });
  expect(await say('one')).toMatchObject({ state: 'sent' });
  expect(said()).toEqual(['one']);
});

test('a session that is deleted is gone for good: no write is to be tried again', async () => {
  linear.control.addFault({ kind: 'deleted-session' });
  expect(await say('one')).toMatchObject({ state: 'rejected', failure: { message: expect.stringContaining('Entity not found') } });
  expect(await say('two')).toMatchObject({ state: 'rejected' });
});

test('a clock more than a minute apart, either way, is no reason to lose a message', async () => {
  for (const ms of [10 * 60_000, -5 * 60_000]) {
    linear.control.addFault({ kind: 'skew', ms, action: 'prompted', times: 1 });
    const { activity } = linear.people.prompt(sessionId, { body: `skewed by ${ms}` });
    expect(await hooks.event('session-prompted', (each) => each.activityId === activity.id)).toMatchObject({ body: `skewed by ${ms}` });
  }
});
