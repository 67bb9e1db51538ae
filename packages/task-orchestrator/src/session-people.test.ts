import type { Issue } from 'cyrus-core/domain/issue';
import { describe, expect, test } from 'vitest';
import { activities, details, issue, issueRead, message, noon, plan, repository, state, told } from '../test/session-rows.ts';
import { openAccess } from './access.ts';
import { decideSession } from './decide-session.ts';
import type { SessionDecision, SessionState } from './session-context.ts';

const decide = (over: Parameters<typeof state>[0]): SessionDecision => decideSession(state(over), noon);
const begun: Issue = { ...issue, details };
/** The issue has just been read. */
const read = (over: Parameters<typeof state>[0] = {}): SessionDecision => decide({ issueJob: 'j', inputs: [issueRead('j')], ...over });
const without =
  (...blocked: string[]): SessionState['access'] =>
  () => ({ ...openAccess, blocked });
const bob = (seq: number, body = `m${seq}`, signal: string | null = null): ReturnType<typeof message> => ({
  ...message(seq, body, signal),
  authorId: 'bob',
  authorName: 'Bob',
});

describe('a repository that only a person can choose', () => {
  const two = [repository, { ...repository, id: 'web', name: 'Web' }];
  const question = { id: 'q1', seq: 1, options: two.map(({ id, name }) => ({ label: name, value: id })) };

  test('is asked for with a choice; the request stays unread', () => {
    const decision = read({ repositories: two });
    expect(decision.question).toMatchObject({ do: 'ask', seq: 1, options: [{ value: 'main' }, { value: 'web' }] });
    expect(decision.close?.answer).toMatchObject({ kind: 'elicitation', body: expect.stringContaining('main, web') });
    expect(decision).toMatchObject({ readSeq: 0, planId: null });
    expect(decision.effects.writes.at(-1)?.payload).toMatchObject({ signal: 'select', signalMetadata: { options: [{}, {}] } });
  });

  test('nothing happens until somebody answers', () => {
    const decision = decide({ repositories: two, question, turn: null });
    expect([...decision.effects.jobs, ...decision.effects.writes, ...decision.effects.tells]).toEqual([]);
  });

  test.each([
    ['web', 'web'],
    ['Web', 'web'],
    ['Please take the web one.', 'web'],
    ['in main', 'main'],
    ['[repo=web]', 'web'],
  ])('the answer "%s" begins with everything that was said', (answer, expected) => {
    const decision = read({ repositories: two, question, messages: [message(1), message(2, answer)] });
    expect(decision.newPlan?.repositoryId).toBe(expected);
    expect(decision.effects.tells.map((tell) => tell.payload['seq'])).toEqual([1, 2]);
    expect(decision.question).toEqual({ do: 'answer', id: 'q1', answer });
    expect(decision.readSeq).toBe(2);
  });

  test.each(['the other one', 'main or web, I do not care'])('the answer "%s" is asked about again', (answer) => {
    const decision = read({ repositories: two, question, messages: [message(1), message(2, answer)] });
    expect(decision.close?.answer.body).toMatch(/^I did not recognise a repository in that\./);
    expect(decision.question).toMatchObject({ do: 'ask', seq: 2 });
  });

  test('a stop withdraws the question', () => {
    const decision = decide({ repositories: two, question, messages: [message(1), message(2, 'stop', 'stop')] });
    expect(decision.question).toEqual({ do: 'withdraw', id: 'q1' });
    expect(decision.close?.answer.body).toContain('Stopped');
  });

  test('is not asked for again where the issue was worked on before', () => {
    const decision = read({ repositories: two, lastPlan: { ...plan, state: 'done', repositoryId: 'web' } });
    expect(decision.newPlan).toMatchObject({ repositoryId: 'web', routeReason: 'the issue was worked on there before' });
  });

  test('a branch in the tag is where the work starts', () => {
    const decision = read({ repositories: two, messages: [message(1, 'do it in [repo=web#release/2]')] });
    expect(decision.newPlan).toMatchObject({ repositoryId: 'web', baseBranch: 'release/2' });
  });
});

describe('somebody who may not', () => {
  test('starts nothing, and is told', () => {
    const decision = read({ access: without('bob'), messages: [bob(1)] });
    expect(decision.newPlan).toBeNull();
    expect(decision.close?.answer).toMatchObject({ kind: 'response', body: expect.stringMatching(/^Bob, you are not on the list/) });
    expect(decision.readSeq).toBe(1);
  });

  test('is left out of what others start', () => {
    const decision = read({ access: without('bob'), messages: [message(1), bob(2)] });
    expect(decision.effects.tells.map((tell) => tell.payload['seq'])).toEqual([1]);
    expect(decision.refused).toEqual([2]);
  });

  test('does not direct live work; a turn of theirs alone closes', () => {
    const access = without('bob');
    const joined = decide({ planId: 'p1', access, read: 1, messages: [message(1), bob(2)] });
    expect(told(joined)).toEqual([]);
    expect(joined).toMatchObject({ refused: [2], close: null, readSeq: 2 });
    expect(activities(joined)).toEqual([expect.stringContaining('direct this work')]);
    const alone = decide({ planId: 'p1', access, read: 1, turn: { id: 't1', openedAt: noon, openedBy: 'message:2' }, messages: [bob(2)] });
    expect(alone.close?.answer.kind).toBe('response');
  });

  test('does not close a turn that is owed to others', () => {
    const decision = decide({
      planId: 'p1',
      access: without('bob'),
      read: 1,
      turn: { id: 't1', openedAt: noon, openedBy: 'unparked' },
      messages: [bob(2)],
    });
    expect(decision.close).toBeNull();
  });

  test('a stop of theirs, refused as it came in, stops nothing', () => {
    const decision = decide({ planId: 'p1', read: 1, messages: [message(1), bob(2, 'stop', 'refused')] });
    expect(told(decision)).toEqual([]);
    expect(activities(decision)).toEqual([expect.stringContaining('stop this work')]);
  });

  test('what was refused is not left over when the work ends', () => {
    const finished = {
      seq: 2,
      kind: 'plan_finished',
      payload: { planId: 'p1', state: 'done', through: 1, answer: { kind: 'response', body: 'ok' } },
    };
    const decision = decide({ planId: 'p1', read: 2, messages: [message(1), bob(2, 'x', 'refused')], inputs: [finished] });
    expect(decision.close?.answer.body).toBe('ok');
  });
});

describe('a follow-up', () => {
  const url = 'https://g/acme/app/pull/7';
  const last = (state?: 'merged' | 'closed') => ({
    ...plan,
    ...{ state: 'done' as const, branch: 'cyrus/eng-1', headSha: 'head', pushedSha: 'head' },
    pullRequest: { number: 7, url, ...(state ? { state } : {}) },
  });

  test.each([undefined, 'closed'] as const)('goes on in the branch of a pull request that is %s', (state) => {
    const { newPlan } = read({ lastPlan: last(state), nameBranch: (_, number) => `cyrus/eng-1-${number}` });
    expect(newPlan).toMatchObject({
      branch: 'cyrus/eng-1',
      startSha: 'head',
      pushedSha: 'head',
      pullRequest: { number: 7 },
      follows: 'p1',
    });
  });

  test('begins anew where the pull request was merged: a branch of its own, the same conversation', () => {
    const decision = read({ lastPlan: last('merged'), nameBranch: (_, number) => `cyrus/eng-1-${number}` });
    const anew = { branch: 'cyrus/eng-1-2', startSha: null, pushedSha: null, pullRequest: null, follows: 'p1' };
    expect(decision.newPlan).toMatchObject(anew);
    expect(activities(decision)).toContainEqual(expect.stringContaining('#7 was merged, so it begins at the base branch'));
  });
});

describe('agents do not feed themselves', () => {
  test('a thread that the app opened itself starts nothing', () => {
    const decision = read({ messages: [{ ...message(1, ''), authorId: 'app' }] });
    expect(decision.newPlan).toBeNull();
    expect(decision.close?.answer.body).toContain('I opened this thread myself');
  });

  test('nor one that nobody opened on an issue that is not ours; an automation that delegates it counts', () => {
    const nobody = { ...message(1, ''), authorId: null };
    expect(read({ messages: [nobody] }).newPlan).toBeNull();
    const result = { issue: { ...begun, details: { ...details, delegateId: 'app' } } };
    const delegated = { ...issueRead('j'), payload: { ...issueRead('j').payload, result } };
    expect(decide({ issueJob: 'j', inputs: [delegated], messages: [nobody] }).newPlan).not.toBeNull();
    expect(read({ messages: [{ ...nobody, body: 'please do it' }] }).newPlan).not.toBeNull();
  });

  test('a thread that the app opened for a delegation without one counts, as long as the issue is delegated', () => {
    const result = { issue: { ...begun, details: { ...details, delegateId: 'app' } } };
    const delegated = { ...issueRead('j'), payload: { ...issueRead('j').payload, result } };
    const own = [{ ...message(1, ''), authorId: 'app' }];
    const found = { openedForDelegation: true, messages: own };
    expect(decide({ issueJob: 'j', inputs: [delegated], ...found }).newPlan).not.toBeNull();
    expect(decide({ issueJob: 'j', inputs: [delegated], messages: own }).newPlan).toBeNull();
    expect(read(found).newPlan).toBeNull();
  });

  test('an issue that was taken away before its session was told of starts nothing', () => {
    const bare = read({ messages: [message(1, '')] });
    expect(bare.newPlan).toBeNull();
    expect(bare.close?.answer.body).toContain('taken away before the work began');
    const result = { issue: { ...begun, details: { ...details, delegateId: 'app' } } };
    const delegated = { ...issueRead('j'), payload: { ...issueRead('j').payload, result } };
    expect(decide({ issueJob: 'j', inputs: [delegated], messages: [message(1, '')] }).newPlan).not.toBeNull();
    expect(read({ messages: [message(1, '@cyrus please look')] }).newPlan).not.toBeNull();
  });

  test('too far below work of ours', () => {
    const limits = { depth: 3, siblings: 20 };
    expect(read({ lineage: { depth: 3, siblings: 0, limits } }).close?.answer.body).toContain('limits.maxIssueDepth');
    expect(read({ lineage: { depth: 2, siblings: 0, limits } }).newPlan).not.toBeNull();
  });

  test('too many issues made by agents under one parent; people may make as many as they like', () => {
    const lineage = { depth: 1, siblings: 20, limits: { depth: 3, siblings: 20 } };
    const made = { ...issueRead('j') };
    const result = { issue: { ...begun, details: { ...details, creatorId: 'app' } } };
    made.payload = { ...made.payload, result };
    expect(decide({ issueJob: 'j', inputs: [made], lineage }).close?.answer.body).toContain('limits.maxAgentIssues');
    expect(read({ lineage }).newPlan).not.toBeNull();
  });
});

describe('a plan that waits', () => {
  const waits = (through: number, answer = { kind: 'response', body: 'Paused.' }): SessionState['inputs'][number] => ({
    seq: 1,
    kind: 'plan_waits',
    payload: { planId: 'p1', through, answer },
  });

  test('closes the turn and stays live', () => {
    const decision = decide({ planId: 'p1', read: 1, inputs: [waits(1)] });
    expect(decision).toMatchObject({ planId: 'p1', close: { answer: { body: 'Paused.' } } });
  });

  test('a message it has not seen keeps the turn open', () => {
    const decision = decide({ planId: 'p1', read: 1, messages: [message(1), message(2)], inputs: [waits(1)] });
    expect(decision.close).toBeNull();
    expect(told(decision)).toEqual(['plan:p1 message']);
    expect(activities(decision)).toEqual(['Paused.']);
  });

  test('that goes on by itself opens a turn, once', () => {
    const unparked = { seq: 1, kind: 'unparked', payload: { planId: 'p1', key: 'k', body: 'Starting.' } };
    const decision = decide({ planId: 'p1', read: 1, turn: null, messages: [], inputs: [unparked] });
    expect(decision.reopen).toMatchObject({ openedBy: 'unparked', fromSeq: null });
    expect(activities(decision)).toEqual(['Starting.']);
    expect(decide({ planId: 'p1', read: 1, inputs: [unparked] }).reopen).toBeNull();
  });
});
