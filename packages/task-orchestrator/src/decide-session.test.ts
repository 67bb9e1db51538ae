import type { Input } from 'cyrus-core/domain/effects';
import type { Plan } from 'cyrus-core/domain/plan';
import { describe, expect, test } from 'vitest';
import { activities, finished, issueRead, message, noon, plan, state, told } from '../test/session-rows.ts';
import { decideSession, heartbeatMs } from './decide-session.ts';
import type { SessionState } from './session-context.ts';

describe('a new session', () => {
  test('reads the issue first, once', () => {
    const decision = decideSession(state(), noon);
    expect(decision.effects.jobs.map((job) => job.kind)).toEqual(['issue']);
    expect(decision.readSeq).toBe(0);
    const again = decideSession(state({ issueJob: decision.issueJob }), noon);
    expect(again.effects.jobs).toEqual([]);
  });

  test('asks again when the read was lost in a crash', () => {
    const lost: Input = { seq: 1, kind: 'job', payload: { jobId: 'j', kind: 'issue', state: 'lost', result: null, failure: null } };
    const decision = decideSession(state({ issueJob: 'j', inputs: [lost] }), noon);
    expect(decision.effects.jobs.map((job) => job.kind)).toEqual(['issue']);
  });

  test('begins a plan, says why, moves the issue and passes the message on', () => {
    const decision = decideSession(state({ issueJob: 'j', inputs: [issueRead('j')] }), noon);
    expect(decision.newPlan).toMatchObject({ repositoryId: 'main', procedure: 'debugger', branch: 'cyrus/eng-1-1', number: 1 });
    expect(told(decision)).toEqual([`plan:${decision.newPlan?.id} message`]);
    expect(activities(decision)).toEqual([
      expect.stringContaining('Working in **Main** (the only repository configured) as **debugger** (label Bug)'),
    ]);
    expect(decision.effects.writes.find((write) => write.kind === 'delegate')?.payload['userId']).toBe('app');
    expect(decision.readSeq).toBe(1);
  });

  test('says so when no repository fits', () => {
    const decision = decideSession(state({ issueJob: 'j', inputs: [issueRead('j')], repositories: [] }), noon);
    expect(decision.newPlan).toBeNull();
    expect(decision.close?.answer.kind).toBe('error');
    expect(decision.close?.answer.body).toContain('No repository fits');
  });

  test('joins work that another session began', () => {
    const decision = decideSession(state({ issueJob: 'j', inputs: [issueRead('j')], issuePlan: plan }), noon);
    expect(decision.newPlan).toBeNull();
    expect(decision.planId).toBe('p1');
    expect(told(decision)).toEqual(['plan:p1 message']);
  });
});

describe('with a live plan', () => {
  test.each<[string, Partial<SessionState> & { read?: number }, { tells: string[]; read: number }]>([
    ['passes a message on', { messages: [message(1), message(2)], read: 1 }, { tells: ['plan:p1 message'], read: 2 }],
    [
      'passes several on in order',
      { messages: [message(1), message(2), message(3)], read: 1 },
      { tells: ['plan:p1 message', 'plan:p1 message'], read: 3 },
    ],
    ['turns a stop signal into a stop', { messages: [message(1), message(2, '', 'stop')], read: 1 }, { tells: ['plan:p1 stop'], read: 2 }],
    ['turns the word into a stop', { messages: [message(1), message(2, 'Stop!')], read: 1 }, { tells: ['plan:p1 stop'], read: 2 }],
    [
      'does not forward what a stop overtook',
      { messages: [message(1), message(2), message(3, 'stop')], read: 1 },
      { tells: ['plan:p1 stop'], read: 3 },
    ],
    ['holds messages after a stop back', { messages: [message(1), message(2)], read: 1, stopRequested: true }, { tells: [], read: 1 }],
    ['decides nothing when nothing is new', { messages: [message(1)], read: 1 }, { tells: [], read: 1 }],
  ])('%s', (_name, over, expected) => {
    const decision = decideSession(state({ planId: 'p1', ...over }), noon);
    expect(told(decision)).toEqual(expected.tells);
    expect(decision.readSeq).toBe(expected.read);
    expect(decision.close).toBeNull();
    expect(decision.planId).toBe('p1');
  });
});

describe('when the plan has finished', () => {
  test('gives the one answer', () => {
    const decision = decideSession(state({ planId: 'p1', read: 1, inputs: [finished()] }), noon);
    expect(decision.close).toEqual({ turnId: 't1', answer: { kind: 'response', body: 'ok' } });
    expect(decision.planId).toBeNull();
    expect(decision.effects.writes.filter((write) => write.closing)).toHaveLength(1);
  });

  test('does not answer over a message it never took in: that begins a follow-up in the same turn', () => {
    const over = {
      planId: 'p1',
      read: 2,
      messages: [message(1), message(2)],
      inputs: [finished(), issueRead('j')],
      issueJob: 'j',
      lastPlan: plan,
    };
    const decision = decideSession(state(over), noon);
    expect(decision.close).toBeNull();
    expect(decision.newPlan).toMatchObject({ number: 2, branch: 'cyrus/eng-1', startSha: 'abc', pushedSha: 'abc', follows: 'p1' });
    expect(told(decision)).toEqual([`plan:${decision.newPlan?.id} message`]);
    expect(decision.effects.tells[0]?.payload['seq']).toBe(2);
  });

  test('what comes next waits until the work of the plan before is saved, and then begins with it', () => {
    const before: Plan = { ...plan, state: 'stopped', headSha: null };
    const waiting = decideSession(state({ lastPlan: before, lastPlanIsSaving: true }), noon);
    expect(waiting).toMatchObject({ readSeq: 0, newPlan: null, close: null, issueJob: null });
    expect(waiting.effects.jobs).toEqual([]);
    expect(waiting.effects.wakes).toContainEqual({ entity: 'session:s1', at: noon + 1_000 });
    const saved = decideSession(state({ lastPlan: { ...before, headSha: 'saved' }, issueJob: 'j', inputs: [issueRead('j')] }), noon);
    expect(saved.newPlan).toMatchObject({ startSha: 'saved', follows: 'p1' });
  });

  test('confirms a stop and gives what came after it a turn of its own', () => {
    const messages = [message(1), message(2, 'stop'), message(3, 'now do this instead')];
    const decision = decideSession(
      state({
        planId: 'p1',
        read: 2,
        messages,
        stopRequested: true,
        inputs: [finished({ state: 'stopped', answer: { kind: 'response', body: 'Stopped' } })],
      }),
      noon,
    );
    expect(decision.close).toEqual({ turnId: 't1', answer: { kind: 'response', body: 'Stopped' } });
    expect(decision.reopen).toMatchObject({ fromSeq: 3 });
    expect(decision.readSeq).toBe(2);
    expect(decision.effects.jobs.map((job) => job.kind)).toEqual(['issue']);
  });

  test('ignores the end of another plan', () => {
    const decision = decideSession(state({ planId: 'p1', read: 1, inputs: [finished({ planId: 'p0' })] }), noon);
    expect(decision.close).toBeNull();
    expect(decision.planId).toBe('p1');
  });
});

test('a stop before the work began is answered at once', () => {
  const decision = decideSession(state({ messages: [message(1), message(2, '', 'stop')], issueJob: 'j' }), noon);
  expect(decision.close?.answer.body).toBe('Stopped before the work began.');
  expect(decision.issueJob).toBeNull();
  expect(decision.newPlan).toBeNull();
});

test('stops that come together are one, with one answer; what was said after them gets a turn of its own', () => {
  const stops = [message(1), message(2, '', 'stop'), message(3, '', 'stop')];
  const decision = decideSession(state({ messages: stops, issueJob: 'j' }), noon);
  expect(decision).toMatchObject({ readSeq: 3, reopen: null });
  expect(decision.close?.answer.body).toBe('Stopped before the work began.');
  const goesOn = decideSession(state({ messages: [...stops, message(4, 'do this instead')], issueJob: 'j' }), noon);
  expect(goesOn).toMatchObject({ readSeq: 3, reopen: { fromSeq: 4 } });
});

test('an open turn shows a sign of life after a long silence, and not before', () => {
  const quiet = state({ planId: 'p1', read: 1 });
  expect(activities(decideSession(quiet, noon + heartbeatMs - 1))).toEqual([]);
  expect(activities(decideSession(quiet, noon + heartbeatMs))).toEqual(['Still at it.']);
});

test('the same state decides the same', () => {
  const given = state({ issueJob: 'j', inputs: [issueRead('j')] });
  expect(decideSession(given, noon)).toEqual(decideSession(given, noon));
});
