import type { Input } from 'cyrus-core/domain/effects';
import type { CheckoutInfo } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import { describe, expect, test } from 'vitest';
import {
  attempt,
  capabilities,
  checkout,
  job,
  running as local,
  noon,
  plan,
  context as rows,
  said,
  succeeded,
} from '../test/attempt-rows.ts';
import type { AttemptContext, AttemptDecision } from './attempt-context.ts';
import { decideAttempt } from './decide-attempt.ts';

const remote = { repositoryUrl: 'https://h/acme/app.git', startBranch: 'main', startSha: 'base', pushBranch: 'cyrus/eng-1-a1' };
const elsewhere: CheckoutInfo = { ...checkout, directory: '', readable: [], remote };
const ref = { executorId: 'sky', runId: 'r7', url: 'https://sky/r7' };
const settings = { ...rows().settings, executor: { kind: 'cloud' as const, capabilities } };
const insisting = { ...settings, executor: { kind: 'cloud' as const, capabilities: { ...capabilities, idempotentCreate: true } } };
const context = (over: Partial<AttemptContext>): AttemptContext => rows({ settings, ...over });
const at = (over: Parameters<typeof attempt>[0]) => attempt({ executorId: 'sky', checkout: elsewhere, run: { jobs: 1 }, ...over });

const starting = at({ state: 'starting' });
const unknown = at({ state: 'start_unknown', run: { jobs: 2, lookUntil: noon + 60_000 } });
const running = at({ ...local, executorId: 'sky', checkout: elsewhere, run: { jobs: 1 }, runRef: ref });
const collecting = at({ ...running, state: 'collecting' });
const network: Failure = { class: 'network', message: 'No answer.' };
const ambiguous: Failure = { ...network, ambiguous: true };
const started: Input = { seq: 1, kind: 'job_started', payload: { runRef: ref } };
const stop: Input = { seq: 9, kind: 'stop', payload: {} };
const lost = job('agent', { state: 'lost' });
const killed = (result: Record<string, unknown> | null) => job('agent', { state: 'killed', result });

/** Its jobs: kind, or what is ordered of an agent. */
const jobs = (decision: AttemptDecision): readonly string[] =>
  decision.effects.jobs.map(({ kind, payload }) => (payload['order'] as { do: string } | undefined)?.do ?? kind);
const said_ = (decision: AttemptDecision): string =>
  decision.effects.writes.map(({ payload }) => (payload['content'] as { body?: string } | undefined)?.body ?? '').join('\n');
const events = (decision: AttemptDecision): readonly string[] =>
  decision.effects.events.flatMap(({ type, payload }) =>
    type.startsWith('run.') ? [`${type} ${String(payload['outcome'] ?? '')}`.trim()] : [],
  );

describe('the way of a run elsewhere', () => {
  test.each<[string, Partial<AttemptContext>, string, readonly string[]]>([
    ['begins without a checkout', { attempt: at({ state: 'reserved', checkout: null, run: null }) }, 'starting', ['prepare']],
    [
      'starts as soon as it is known where, without a setup',
      {
        attempt: at({ state: 'starting', checkout: null, run: null }),
        inputs: [job('prepare', { result: { ...elsewhere } })],
        settings: { ...settings, setup: { command: 'npm ci', timeoutMs: 9 } },
      },
      'starting',
      ['agent'],
    ],
    [
      'pushes first what the remote does not have',
      {
        attempt: at({ state: 'starting', checkout: null, run: null }),
        inputs: [job('prepare', { result: { ...elsewhere, remote: { ...remote, unpushed: true } } })],
      },
      'starting',
      [],
    ],
    ['runs once the run is known', { attempt: starting, inputs: [started] }, 'running', []],
    [
      'fails at once when a start is refused',
      { attempt: starting, inputs: [job('agent', { state: 'failed', failure: network })] },
      'failed',
      [],
    ],
    [
      'looks for a run whose start had no answer',
      { attempt: starting, inputs: [job('agent', { state: 'failed', failure: ambiguous })] },
      'start_unknown',
      ['find'],
    ],
    [
      'asks again under its key where that is the same run',
      { settings: insisting, attempt: starting, inputs: [job('agent', { state: 'failed', failure: ambiguous })] },
      'start_unknown',
      ['insist'],
    ],
    [
      'looks for a run when this process ended in the middle of the start',
      { attempt: starting, inputs: [lost] },
      'start_unknown',
      ['find'],
    ],
    ['goes on looking after a crash', { attempt: unknown, inputs: [lost] }, 'start_unknown', ['find']],
    ['uses a run that appears late', { attempt: unknown, inputs: [started] }, 'running', []],
    [
      'gives the run up when it was looked for in vain, and hunts it',
      { attempt: unknown, inputs: [job('agent', { state: 'failed', failure: ambiguous })] },
      'failed',
      ['hunt'],
    ],
    ['goes on following after a crash', { attempt: running, inputs: [lost] }, 'running', ['attach']],
    ['goes on where the run was known in the same moment', { attempt: starting, inputs: [started, lost] }, 'running', ['attach']],
    ['collects what a run did', { attempt: running, inputs: [succeeded] }, 'collecting', ['collect']],
    [
      'collects again after a crash: no new run for that',
      { attempt: collecting, inputs: [job('collect', { state: 'lost' })] },
      'collecting',
      ['collect'],
    ],
  ])('%s', (_name, over, state, expected) => {
    const decision = decideAttempt(context(over), noon);
    expect([decision.state, jobs(decision)]).toEqual([state, expected]);
  });

  test('asked for again, it is begun with the words of the first time: what was said since is not taken for read', () => {
    const first = at({ ...starting, messageN: 1 });
    const messages = [said(1), said(2)];
    const decision = decideAttempt(context({ settings: insisting, attempt: first, messages, inputs: [lost] }), noon);
    expect(jobs(decision)).toEqual(['insist']);
    expect(decision.messageN).toBe(1);
    expect(JSON.stringify(decision.effects.jobs[0]?.payload['request'])).not.toContain(said(2).body);
  });

  test('is asked for with where it works; of what people attached, images go with it', () => {
    const file = (name: string, mediaType: string) => ({ path: `/home/x/${name}`, name, mediaType, bytes: 1, url: `https://l/${name}` });
    const attached = { files: [file('a.png', 'image/png'), file('b.csv', 'text/csv')], missing: [] };
    const conversation = { id: 'c1', started: true, directory: '/conv/c1', ref };
    const inputs = [job('prepare', { result: { ...elsewhere, attached } })];
    const decision = decideAttempt(context({ attempt: at({ state: 'starting', checkout: null, run: null }), conversation, inputs }), noon);
    const request = decision.effects.jobs[0]?.payload['request'] as Record<string, unknown>;
    expect(request).toMatchObject({
      workingDirectory: '',
      readable: [],
      remote: { ...remote, baseBranch: 'main' },
      conversation: { resume: true, ref },
    });
    expect(request['systemContext']).toMatch(
      /on the branch cyrus\/eng-1-a1, begun at the head of main\. Commit there and push that branch/,
    );
    expect(request['systemContext']).not.toMatch(/do not push/);
    expect(request['prompt']).toMatch(/\/home\/x\/a\.png[\s\S]*not here: b\.csv/);
    expect(JSON.stringify(request)).not.toContain('/home/x/b.csv');
  });

  test('puts its work on a branch that no attempt of another plan had, however many plans there were on one branch', () => {
    const branchOf = (over: Partial<AttemptContext['plan']>): unknown =>
      decideAttempt(context({ plan: { ...plan, ...over }, attempt: at({ state: 'reserved', checkout: null, run: null }) }), noon).effects
        .jobs[0]?.payload['pushBranch'];
    expect(branchOf({})).toBe('cyrus/eng-1-a1');
    expect(branchOf({ number: 2, follows: 'p0' })).toBe('cyrus/eng-1-p2-a1');
    expect(branchOf({ number: 3, follows: 'p1' })).toBe('cyrus/eng-1-p3-a1');
  });

  test('the push of where it begins comes home before the start; a refused one fails it', () => {
    const waiting = at({ state: 'starting', checkout: { ...elsewhere, remote: { ...remote, unpushed: true } }, run: null });
    const write = (state: string): Input => ({ seq: 1, kind: 'write', payload: { state, failure: state === 'sent' ? null : network } });
    expect(jobs(decideAttempt(context({ attempt: waiting, inputs: [write('sent')] }), noon))).toEqual(['agent']);
    expect(decideAttempt(context({ attempt: waiting, inputs: [write('rejected')] }), noon)).toMatchObject({
      state: 'failed',
      failure: network,
    });
    expect(decideAttempt(context({ attempt: waiting, inputs: [stop] }), noon).state).toBe('stopped');
  });

  test('every job of an agent has a key of its own, and looking ends when it was to end', () => {
    const first = decideAttempt(context({ attempt: starting, inputs: [lost] }), noon);
    expect(first.run).toMatchObject({ jobs: 2, lookUntil: noon + 120_000 });
    expect(first.effects.jobs[0]?.key).toBe('attempt:a1:agent:2');
    const second = decideAttempt(context({ attempt: unknown, inputs: [lost] }), noon + 5_000);
    expect(second.effects.jobs[0]).toMatchObject({ key: 'attempt:a1:agent:3', payload: { order: { do: 'find', until: noon + 60_000 } } });
    const attached = decideAttempt(context({ attempt: running, inputs: [lost] }), noon + 500);
    expect(attached.effects.jobs[0]?.payload['order']).toEqual({ do: 'attach', ref, deadline: noon + 1000 });
  });

  test('people can follow it where it is, and a follow-up continues it', () => {
    const decision = decideAttempt(context({ attempt: starting, inputs: [started] }), noon);
    expect(said_(decision)).toContain('It runs on **sky**: https://sky/r7');
    expect(decision.effects.writes.map(({ kind }) => kind)).toContain('externalUrls');
    expect(decision).toMatchObject({ runRef: ref, conversationRef: ref, conversationStarted: true });
    expect(decideAttempt(context({ attempt: running, inputs: [started] }), noon).effects.writes).toEqual([]);
  });

  test('its hunter is no job of the plan, whose stop would end that, too', () => {
    const decision = decideAttempt(context({ attempt: unknown, inputs: [job('agent', { state: 'failed', failure: ambiguous })] }), noon);
    expect(decision.effects.jobs[0]).toMatchObject({ attemptId: 'a1', payload: { order: { do: 'hunt', until: noon + 3_600_000 } } });
    expect(decision.effects.jobs[0]?.planId).toBeUndefined();
    expect(decision.failure).toMatchObject({
      class: 'network',
      message: 'sky did not say whether a run began, and none was found. No answer.',
    });
    expect(decision.failure?.ambiguous).toBeUndefined();
  });
});

describe('the work of a run elsewhere', () => {
  const collected = (result: Record<string, unknown>, over: Partial<AttemptContext> = {}) =>
    decideAttempt(context({ attempt: collecting, inputs: [job('collect', { result })], ...over }), noon);
  test('is looked for where the run says it is, and some minutes long where it succeeded', () => {
    const result = { state: 'succeeded', output: 'Did it.', branch: 'sky/x', pullRequestUrl: 'https://h/acme/app/pull/3' };
    const payload = decideAttempt(context({ attempt: running, inputs: [job('agent', { result: { result } })] }), noon).effects.jobs[0]
      ?.payload;
    expect(payload?.['remote']).toMatchObject({ branch: 'sky/x', pushBranch: 'cyrus/eng-1-a1', startSha: 'base', waitMs: 180_000, ref });
    expect(payload?.['remote']).toMatchObject({ notThese: ['main', 'cyrus/eng-1', 'main'] });
    const asked = { result, question: { question: 'Which port?' } };
    expect(
      decideAttempt(context({ attempt: running, inputs: [job('agent', { result: asked })] }), noon).effects.jobs[0]?.payload['remote'],
    ).toMatchObject({ waitMs: 0 });
    const again = at({ ...collecting, run: { jobs: 1, branch: 'sky/x' } });
    const after = decideAttempt(context({ attempt: again, inputs: [job('collect', { state: 'lost' })] }), noon);
    expect(after.effects.jobs[0]?.payload['remote']).toMatchObject({ branch: 'sky/x', waitMs: 180_000 });
    const failed = { ...result, state: 'failed', failure: network };
    const late = decideAttempt(context({ attempt: running, inputs: [job('agent', { result: { result: failed } })] }), noon);
    expect(late.effects.jobs[0]?.payload['remote']).toMatchObject({ waitMs: 0 });
  });
  test('that is nowhere is no evidence, unless words alone are an answer', () => {
    const missing = { headSha: null, evidence: null, missing: 'sky ended without a branch.' };
    expect(collected(missing)).toMatchObject({
      state: 'failed',
      failure: { class: 'no_evidence', message: 'sky ended without a branch.' },
    });
    expect(collected(missing, { plan: { ...plan, follows: 'p0' } }).state).toBe('succeeded');
  });
  test('that cannot be fetched for a while is not done once more, but fetched later; it is told once', () => {
    const away = (failure: Failure, now = noon) =>
      decideAttempt(context({ attempt: collecting, inputs: [job('collect', { state: 'failed', failure })] }), now);
    const decision = away(network);
    expect([decision.state, jobs(decision), decision.failure]).toEqual(['collecting', ['collect'], null]);
    expect(said_(decision)).toContain('its work cannot be fetched yet: No answer. It is tried again.');
    expect(away(network, noon + 25 * 3_600_000)).toMatchObject({ state: 'failed', failure: network });
    const refused: Failure = { class: 'auth', message: 'The remote refuses the token.', fix: 'Set another.' };
    expect(away(refused)).toMatchObject({ state: 'failed', failure: { ...refused, class: 'invalid_request' } });
  });
  test('is remembered with where it was taken from', () => {
    const run = { branch: 'sky/x', branchSha: 'tip', pullRequestUrl: 'https://h/acme/app/pull/3' };
    expect(collected({ headSha: 'tip', run })).toMatchObject({ state: 'succeeded', headSha: 'tip', run: { jobs: 1, ...run } });
  });
});

describe('a stop of a run elsewhere', () => {
  const finished = (decision: AttemptDecision) =>
    decision.effects.tells.find(({ kind }) => kind === 'attempt_finished')?.payload['unconfirmedStop'];
  test.each<[string, Input[], Partial<AttemptContext>, readonly string[], readonly string[], RegExp | null]>([
    ['that is confirmed needs no word', [killed({ stop: 'confirmed' })], { attempt: running }, ['run.stop confirmed'], [], null],
    [
      'that is not confirmed is told as it is',
      [killed({ stop: 'requested' })],
      { attempt: running },
      ['run.stop requested'],
      [],
      /asked to stop the run and has not confirmed it\. See https:\/\/sky\/r7/,
    ],
    [
      'that is not possible is told',
      [killed({ stop: 'unsupported' })],
      { attempt: running },
      ['run.stop unsupported'],
      [],
      /may go on there/,
    ],
    [
      'that could not be asked for is gone on with',
      [killed(null)],
      { attempt: running },
      ['run.stop unknown'],
      ['hunt'],
      /could not be asked/,
    ],
    [
      'in the middle of a start hunts what may have begun',
      [stop, killed(null)],
      { attempt: starting },
      ['run.stop unknown'],
      ['hunt'],
      /could not be asked/,
    ],
    [
      'together with a crash hunts the run that goes on',
      [stop, lost],
      { attempt: running },
      ['run.stop unknown'],
      ['hunt'],
      /could not be asked/,
    ],
    ['together with its end has nothing to stop', [stop, succeeded], { attempt: running }, [], [], null],
    [
      'of a start that was refused has nothing to stop',
      [stop, job('agent', { state: 'failed', failure: network })],
      { attempt: starting },
      [],
      [],
      null,
    ],
  ])('%s', (_name, inputs, over, recorded, ordered, word) => {
    const decision = decideAttempt(context({ ...over, inputs }), noon);
    expect(decision.state).toBe('stopped');
    expect(events(decision)).toEqual(recorded);
    expect(jobs(decision)).toEqual(ordered);
    if (word) expect(finished(decision)).toMatch(word);
    else expect(finished(decision)).toBeNull();
  });

  test('that is possible later is gone on with', () => {
    const byPull = { ...settings, executor: { kind: 'cloud' as const, capabilities: { ...capabilities, cancel: 'pr' as const } } };
    const decision = decideAttempt(context({ settings: byPull, attempt: running, inputs: [killed({ stop: 'unsupported' })] }), noon);
    expect(jobs(decision)).toEqual(['hunt']);
    expect(finished(decision)).toMatch(/by its pull request only, and there is none yet/);
  });

  test('waits for the job that asks for it', () => {
    expect(decideAttempt(context({ attempt: running, inputs: [stop] }), noon).state).toBe('running');
  });

  test('for a pause keeps what the run has pushed', () => {
    const paused = at({ ...running, interruption: { kind: 'pause' } });
    const decision = decideAttempt(context({ attempt: paused, inputs: [killed({ stop: 'confirmed', lastDelivered: 0 })] }), noon);
    expect([decision.state, jobs(decision)]).toEqual(['collecting', ['collect']]);
    expect(decision.effects.jobs[0]?.payload['remote']).toMatchObject({ waitMs: 0 });
  });

  test('for a pause ends the search for a run that may have begun, and hunts that', () => {
    const pausing = decideAttempt(context({ attempt: unknown, inputs: [{ seq: 1, kind: 'pause', payload: {} }] }), noon);
    expect(pausing).toMatchObject({ state: 'start_unknown', interruption: { kind: 'pause' }, killJobs: true });
    const paused = at({ ...unknown, interruption: { kind: 'pause' } });
    const decision = decideAttempt(context({ attempt: paused, inputs: [killed(null)] }), noon);
    expect([decision.state, jobs(decision)]).toEqual(['stopped', ['hunt']]);
  });

  test('for a pause leaves a run that could not be asked: it is gone on with', () => {
    const paused = at({ ...running, interruption: { kind: 'pause' } });
    expect(jobs(decideAttempt(context({ attempt: paused, inputs: [killed(null)] }), noon))).toEqual(['collect']);
  });

  test('at the deadline is a failure of its own, after the work was collected', () => {
    const failure: Failure = { class: 'timeout', message: 'Still at work after 60 min. It was stopped.' };
    const inputs = [job('agent', { result: { result: { state: 'failed', output: '', failure }, stop: 'requested' } })];
    const decision = decideAttempt(context({ attempt: running, inputs }), noon);
    expect(decision).toMatchObject({ state: 'collecting', failure, run: { stop: 'requested' } });
    expect(events(decision)).toEqual(['run.stop requested']);
  });
});

describe('a hunter', () => {
  const over = at({ ...unknown, state: 'failed', run: { jobs: 3, huntUntil: noon + 60_000 } });
  test('that finds a late run tells of it once', () => {
    const decision = decideAttempt(
      context({ attempt: over, inputs: [job('agent', { result: { caught: ref, stop: 'confirmed' } })] }),
      noon,
    );
    expect(decision.state).toBe('failed');
    expect(events(decision)).toEqual(['run.late confirmed']);
    expect(said_(decision)).toMatch(/turned up on \*\*sky\*\*: https:\/\/sky\/r7\. It was stopped\./);
  });
  test('that finds nothing says nothing', () => {
    const decision = decideAttempt(context({ attempt: over, inputs: [job('agent', { result: {} })] }), noon);
    expect(decision.effects).toEqual({ writes: [], jobs: [], tells: [], wakes: [], events: [] });
  });
  test('that stopped a run which was known keeps that for the record', () => {
    const known = at({ ...running, state: 'stopped' });
    const decision = decideAttempt(
      context({ attempt: known, inputs: [job('agent', { result: { caught: ref, stop: 'confirmed' } })] }),
      noon,
    );
    expect(events(decision)).toEqual(['run.stop confirmed']);
    expect(decision.effects.writes).toEqual([]);
  });
  test('outlives a crash, and not its time', () => {
    const again = decideAttempt(context({ attempt: over, inputs: [lost] }), noon);
    expect(again.effects.jobs[0]).toMatchObject({ key: 'attempt:a1:agent:4', payload: { order: { do: 'hunt', until: noon + 60_000 } } });
    expect(again).toMatchObject({ ended: false, run: { jobs: 4 } });
    expect(jobs(decideAttempt(context({ attempt: over, inputs: [lost] }), noon + 60_000))).toEqual([]);
  });
});

test('a message goes to the newest job', () => {
  const steer: Input = { seq: 1, kind: 'steer', payload: { n: 2 } };
  const decision = decideAttempt(context({ attempt: running, agentJob: 'agent-2', messages: [said(1), said(2)], inputs: [steer] }), noon);
  expect(decision.jobMessages).toMatchObject([{ jobId: 'agent-2', n: 2 }]);
});

describe('a run whose executor was taken out of the configuration', () => {
  const gone = { ...settings, executor: null };
  const missing = job('agent', { state: 'failed', failure: { class: 'missing_binary', message: 'No executor is called sky here.' } });
  test.each<[string, Partial<AttemptContext>, string, readonly string[]]>([
    [
      'is given up with what it has pushed, and stopped should it come back',
      { attempt: running, inputs: [lost] },
      'collecting',
      ['hunt', 'collect'],
    ],
    ['also where a job had gone on to follow it', { attempt: running, inputs: [missing] }, 'collecting', ['hunt', 'collect']],
    ['may have begun unseen', { attempt: starting, inputs: [lost] }, 'failed', ['hunt']],
    ['is looked for no longer', { attempt: unknown, inputs: [missing] }, 'failed', ['hunt']],
    ['never began', { attempt: starting, inputs: [missing] }, 'failed', []],
    [
      'has ended: its work is fetched all the same',
      { attempt: collecting, inputs: [job('collect', { state: 'lost' })] },
      'collecting',
      ['collect'],
    ],
    ['is stopped together with its plan', { attempt: running, inputs: [stop, lost] }, 'stopped', ['hunt']],
  ])('%s', (_name, over, state, expected) => {
    const decision = decideAttempt(context({ ...over, settings: gone }), noon);
    expect([decision.state, jobs(decision)]).toEqual([state, expected]);
  });

  test('is told of with its address and what to do; it is looked after as long as it may go on', () => {
    const decision = decideAttempt(context({ attempt: running, inputs: [lost], settings: { ...gone, timeoutMs: 7_200_000 } }), noon);
    const words =
      'sky is not in the configuration any more. Its run https://sky/r7 may go on and cost money; what it has pushed so far is kept, the rest is not used.';
    expect(said_(decision)).toBe(`${words} Put sky back, and Cyrus stops the run; or stop it there.`);
    expect(decision).toMatchObject({
      failure: { class: 'missing_binary', message: words, fix: expect.stringContaining('Put sky back') },
      run: { stop: 'unknown', huntUntil: noon + 7_200_000 },
    });
    expect(events(decision)).toEqual(['run.stop unknown']);
    const ended = decideAttempt(
      context({
        attempt: at({ ...collecting, failure: decision.failure, run: decision.run }),
        settings: gone,
        inputs: [job('collect', { result: { headSha: 'tip' } })],
      }),
      noon,
    );
    expect(ended).toMatchObject({ state: 'failed', headSha: 'tip', failure: { message: words } });
  });

  test('goes on being looked after while its work is fetched, through crashes and stops', () => {
    const run = { jobs: 2, stop: 'unknown' as const, huntUntil: noon + 60_000 };
    const fetching = at({ ...collecting, run });
    expect(jobs(decideAttempt(context({ attempt: fetching, inputs: [lost] }), noon))).toEqual(['hunt']);
    const caught = job('agent', { result: { caught: ref, stop: 'confirmed' } });
    expect(decideAttempt(context({ attempt: fetching, inputs: [caught] }), noon)).toMatchObject({
      state: 'collecting',
      run: { stop: 'confirmed' },
    });
    const both = decideAttempt(context({ attempt: fetching, inputs: [stop, lost] }), noon);
    expect([both.state, jobs(both)]).toEqual(['collecting', ['hunt']]);
  });
});

test('of a late run it is kept what became of its stop, for whoever looks later', () => {
  const over = at({ ...unknown, state: 'failed', run: { jobs: 3, huntUntil: noon + 60_000 } });
  const kept = (stopped: string) =>
    decideAttempt(context({ attempt: over, inputs: [job('agent', { result: { caught: ref, stop: stopped } })], listeners: [] }), noon).run;
  expect(kept('requested')).toMatchObject({ late: { runId: 'r7', url: 'https://sky/r7', stop: 'requested' } });
  expect(kept('confirmed')).toMatchObject({ late: { stop: 'confirmed' } });
});
