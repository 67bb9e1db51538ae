import { systemClock } from 'cyrus-core/clock';
import { createLinear } from 'cyrus-linear/client';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createIssueRunner } from '../src/jobs/issue.ts';
import type { JobContext } from '../src/supervisor/job-runner.ts';
import { abortable } from './support/jobs.ts';
import { memoryLog } from './support/supervisor.ts';
import { until } from './support/until.ts';

let linear: LinearStandIn;
let log: ReturnType<typeof memoryLog>;

beforeEach(async () => {
  linear = await startLinear();
  log = memoryLog();
});
afterEach(() => linear.stop());

const read = (issueId: string, signal = new AbortController().signal, token = 'lin_oauth_app') => {
  const client = createLinear({ apiUrl: linear.graphqlUrl, token, clock: systemClock });
  const runner = createIssueRunner({ random: () => 0, linear: async (workspace) => (workspace === 'w' ? client : undefined) });
  const context: JobContext = {
    signal,
    clock: systemClock,
    log: log.log,
    givenUp: new AbortController().signal,
    bootId: 'boot',
    tell: async () => undefined,
    onMessages: () => undefined,
  };
  const payload = { workspace: 'w', issueId };
  return runner({ id: 'j', kind: 'issue', notify: 'x', sessionId: null, planId: null, taskId: null, attemptId: null, payload }, context);
};

test('the issue is read', async () => {
  const { id } = linear.people.createIssue({ title: 'Fix it', delegate: true });
  expect(await read(id)).toMatchObject({ result: { issue: { id, title: 'Fix it' } } });
});

test('an outage is waited out', async () => {
  const { id } = linear.people.createIssue({ title: 'Fix it', delegate: true });
  linear.control.addFault({ kind: 'http-error', status: 502, times: 2 });
  expect(await read(id)).toMatchObject({ result: { issue: { id } } });
  expect(log.lines.filter((line) => line.includes('cannot be read yet')).length).toBe(2);
});

test('an issue that is not there is said at once', async () => {
  expect(await read('00000000-0000-4000-8000-000000000000')).toMatchObject({
    failure: { message: expect.stringMatching(/cannot be read/) },
  });
});

test('an issue of a team that we may not see is no other than one that is not there', async () => {
  const { id } = linear.people.createIssue({ title: 'Fix it', delegate: true });
  linear.people.changeTeamAccess({ removed: ['ENG'] });
  expect(await read(id)).toMatchObject({
    failure: { message: expect.stringMatching(/no access to its team/), fix: expect.stringMatching(/Give the app access/) },
  });
  linear.people.changeTeamAccess({ added: ['ENG'] });
  expect(await read(id)).toMatchObject({ result: { issue: { id } } });
});

test('a stop ends the waiting', async () => {
  const { id } = linear.people.createIssue({ title: 'Fix it', delegate: true });
  linear.control.addFault({ kind: 'http-error', status: 502, times: 1000 });
  const stop = abortable();
  const reading = read(id, stop.signal);
  reading.catch(() => undefined);
  await until('it waits', () => log.lines.length > 0);
  stop.abort();
  await expect(reading).rejects.toThrow();
});
