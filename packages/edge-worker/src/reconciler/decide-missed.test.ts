import { parseEvent } from 'cyrus-linear/parse-event';
import type { Finding } from 'cyrus-linear/read-sessions';
import { expect, test } from 'vitest';
import { decideMissed, grouped, type MissedOptions, seenTo } from './decide-missed.ts';

const session = (id: string, issueId: string) => ({ id, issue: { id: issueId, identifier: issueId.toUpperCase() } });
const base = { type: 'AgentSessionEvent', organizationId: 'org', appUserId: 'app' };

function created(id: string, at: number, status: string, issueId: string = `issue-of-${id}`): Finding {
  const body = { ...base, action: 'created', agentSession: session(id, issueId) };
  return { event: parseEvent(body), body, at, status, issueId, sessionId: id };
}

function prompted(id: string, activity: string, at: number, status: string, issueId: string = `issue-of-${id}`): Finding {
  const agentActivity = { id: activity, content: { body: 'more' }, user: { id: 'ada', name: 'Ada' } };
  const body = { ...base, action: 'prompted', agentSession: session(id, issueId), agentActivity };
  return { event: parseEvent(body), body, at, status, issueId, sessionId: id };
}

function unassigned(id: string, issueId: string, at: number): Finding {
  const body = {
    ...base,
    type: 'AppUserNotification',
    action: 'issueUnassignedFromYou',
    notification: { id, issueId },
  };
  return { event: parseEvent(body), body, at, status: null, issueId, sessionId: null };
}

function decide(
  findings: readonly Finding[],
  more: Partial<MissedOptions> & { readonly keys?: string[]; readonly sessions?: string[] } = {},
) {
  const known = { eventKeys: new Set(more.keys), sessionIds: new Set(more.sessions), activityIds: new Set<string>() };
  return decideMissed({ findings, known, first: false, busy: new Set(), ...more });
}

test('what came in by its webhook is not taken again, what did not is, in order and by issue', () => {
  const findings = [
    prompted('b', 'p2', 40, 'pending'),
    created('b', 20, 'pending'),
    created('a', 10, 'stale'),
    created('c', 30, 'active'),
    prompted('b', 'p1', 35, 'pending'),
  ];
  const { groups, doubtful } = decide(findings, { keys: ['created:c'] });
  expect(groups.map((group) => group.map(({ at }) => at))).toEqual([[10], [20, 35, 40]]);
  expect(doubtful).toEqual([]);
});

test('a session that nobody here knows and that has its answer is left alone', () => {
  for (const status of ['complete', 'error', 'awaitingInput'])
    expect(decide([created('a', 1, status), prompted('a', 'p', 2, status)])).toEqual({ groups: [], doubtful: [] });
});

test('at the very first look a session that somebody has begun is left alone', () => {
  expect(decide([created('a', 1, 'active')], { first: true }).groups).toEqual([]);
  expect(decide([created('a', 1, 'pending')], { first: true }).groups).toHaveLength(1);
  expect(decide([created('a', 1, 'active')]).groups).toHaveLength(1);
});

test('a prompt in a session of ours that ends with an answer is doubtful', () => {
  const prompt = prompted('a', 'p', 2, 'complete');
  expect(decide([prompt], { sessions: ['a'] })).toEqual({ groups: [], doubtful: [prompt] });
  expect(decide([prompted('a', 'p', 2, 'active')], { sessions: ['a'] }).groups).toHaveLength(1);
});

test('an unassignment counts where something is under way, or is about to be', () => {
  const taken = unassigned('n', 'issue-1', 5);
  expect(decide([taken]).groups).toEqual([]);
  expect(decide([taken], { busy: new Set(['issue-1']) }).groups).toEqual([[taken]]);
  expect(decide([taken], { busy: new Set(['issue-1']), keys: ['unassigned:n'] }).groups).toEqual([]);
  const opened = created('a', 1, 'pending', 'issue-1');
  expect(decide([taken, opened]).groups).toEqual([[opened, taken]]);
});

test('the mark goes to what was seen last, and not beyond what failed', () => {
  const findings = [created('a', 100, 'pending'), created('b', 200, 'pending'), created('c', 300, 'pending')];
  expect(seenTo(50, findings, [])).toBe(300);
  expect(seenTo(50, findings, findings.slice(1, 2))).toBe(199);
  expect(seenTo(250, findings, findings.slice(0, 1))).toBe(250);
  expect(seenTo(50, [], [])).toBe(50);
  expect(grouped([])).toEqual([]);
});
