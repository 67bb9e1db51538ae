import type { Instant } from 'cyrus-core/clock';
import { type Effects, type JobEnd, noEffects } from 'cyrus-core/domain/effects';
import type { Answer, Message, Session } from 'cyrus-core/domain/session';
import { idOf } from 'cyrus-core/ids';
import { mayDo, refusal } from './access.ts';
import { failureAnswer } from './answers.ts';
import { refusedSignal, senderOf } from './refused.ts';
import { begin, type PlanDraft } from './session-begin.ts';
import type { PlanFinished, PlanWaits, SessionDecision, SessionQuestion, SessionState, Unparked } from './session-context.ts';
import { isPause, isStop } from './stop-words.ts';
import { acknowledgement, closing, type Listener, thought } from './tracker-writes.ts';

/** The longest silence in an open turn before a sign of life; the tracker calls a session stale after 30 minutes. */
export const heartbeatMs: number = 10 * 60_000;

const savingPollMs = 1_000;

const entity = (session: Session): string => `session:${session.id}`;

/**
 * What a session does with what it has been told: forwards messages to the live plan, begins a plan, or gives the turn its one answer.
 * Pure. A turn closes only when no message of it is left unanswered; messages after a stop get a turn of their own.
 */
export function decideSession(state: SessionState, now: Instant): SessionDecision {
  const { session } = state;
  const effects = noEffects();
  let { readSeq, planId, issueJob } = session;
  let turn = state.turn;
  let issue = state.issue;
  let read: SessionDecision['issue'] = null;
  let close: SessionDecision['close'] = null;
  let reopen: SessionDecision['reopen'] = null;
  let newPlan: PlanDraft | null = null;
  let question: SessionQuestion | null = null;
  const refused = new Set(
    state.messages.filter((message) => message.signal === refusedSignal && message.seq <= readSeq).map((message) => message.seq),
  );
  /** What people said and might say. */
  const heard = state.messages.filter((message) => !refused.has(message.seq));
  let finished: PlanFinished | null = null;
  let fresh = session.source !== 'linear';

  const listener = (): Listener | null =>
    turn ? { sessionId: session.id, source: session.source, workspace: session.workspace, turnId: turn.id } : null;
  const closeWith = (answer: Answer): void => {
    const to = listener();
    if (!to || !turn) return;
    close = { turnId: turn.id, answer };
    effects.writes.push(closing(to, answer));
    effects.events.push({ type: 'turn.closed', sessionId: session.id, payload: { turnId: turn.id, kind: answer.kind, body: answer.body } });
    turn = null;
  };
  const waitFor = ({ planId: waiting, through, answer }: PlanWaits): void => {
    const to = listener();
    const later = heard.some((message) => message.seq > through && !isStop(message));
    if (!later) closeWith(answer);
    else if (to) effects.writes.push(thought(to, `plan:${waiting}:waits:${through}`, answer.body));
  };
  const openAgain = ({ key, body }: Unparked): void => {
    if (turn) return;
    reopen = { turnId: idOf(`turn:${session.id}:unparked:${key}`), openedBy: 'unparked', fromSeq: null };
    turn = { id: reopen.turnId, openedAt: now, openedBy: reopen.openedBy };
    const to = listener();
    if (to) effects.writes.push(acknowledgement(to, body));
  };
  /** Messages to live work by people who may not direct it. A turn that holds nothing else closes with the refusal. */
  const refuseIn = (repositoryId: string | null, unread: readonly Message[]): void => {
    const rules = state.access(repositoryId);
    const action =
      state.planQuestion === null ? 'steer' : ({ policy: 'approve', agent: 'answer', budget: 'spend' } as const)[state.planQuestion];
    const denied = unread.filter(
      (message) => message.signal === refusedSignal || (!isStop(message) && !mayDo(rules, senderOf(session, message), action)),
    );
    const last = denied.at(-1);
    if (!last) return;
    for (const message of denied) refused.add(message.seq);
    const body = refusal(rules, last.authorName, last.signal === refusedSignal ? 'stop' : action);
    const inTurn = state.messages.filter((message) => message.turnId === turn?.id);
    const to = listener();
    if (turn?.openedBy.startsWith('message:') && inTurn.every((message) => refused.has(message.seq))) closeWith({ kind: 'response', body });
    else if (to) effects.writes.push(thought(to, `refused:${last.seq}`, body));
  };

  for (const input of state.inputs) {
    if (input.kind === 'job') {
      const end = input.payload as unknown as JobEnd;
      if (end.jobId !== issueJob) continue;
      issueJob = null;
      if (end.state === 'done' && end.result) {
        read = end.result['issue'] as SessionDecision['issue'];
        if (read) issue = { ...issue, ...read };
        fresh = true;
      } else if (end.state === 'failed') {
        readSeq = state.messages.at(-1)?.seq ?? readSeq;
        const failure = end.failure ?? { class: 'network', message: 'The issue could not be read.', fix: 'Write here to try again.' };
        closeWith(failureAnswer({ failure, output: null, checks: null, kept: null, spent: null }));
      }
    } else if (input.kind === 'plan_finished') {
      const end = input.payload as unknown as PlanFinished;
      if (end.planId === planId) finished = end;
    } else if (input.kind === 'plan_waits') {
      const waits = input.payload as unknown as PlanWaits;
      if (waits.planId === planId) waitFor(waits);
    } else if (input.kind === 'unparked') {
      const unparked = input.payload as unknown as Unparked;
      if (unparked.planId === planId) openAgain(unparked);
    }
  }

  if (finished) {
    const through = Math.max(finished.through, 0);
    const left = heard.filter((message) => message.seq > (finished.state === 'stopped' ? Math.max(readSeq, through) : through));
    planId = null;
    if (left.length === 0 || left.every((message) => isStop(message))) {
      readSeq = Math.max(readSeq, heard.at(-1)?.seq ?? 0);
      closeWith(finished.answer);
    } else if (finished.state === 'stopped') {
      closeWith(finished.answer);
      const first = left[0];
      if (first) {
        reopen = reopenAt(session, first);
        turn = { id: reopen.turnId, openedAt: now, openedBy: reopen.openedBy };
        readSeq = first.seq - 1;
        const to = listener();
        if (to) effects.writes.push(acknowledgement(to, 'Stopped what was running. Going on with your message.'));
      }
    } else {
      readSeq = (left[0]?.seq ?? readSeq + 1) - 1;
      const to = listener();
      if (to)
        effects.writes.push(thought(to, `plan:${finished.planId}:more`, `${finished.answer.body}\n\nGoing on with your next message.`));
    }
  }

  const unread = heard.filter((message) => message.seq > readSeq);
  const news = state.question ? unread.filter((message) => message.seq > (state.question?.seq ?? 0)) : unread;
  const stop = unread.find((message) => isStop(message));
  const live = planId !== null && !finished;

  if (live && planId && !state.stopRequested) refuseIn(state.plan?.repositoryId ?? null, unread);
  if (live && stop && planId) {
    readSeq = stop.seq;
    effects.tells.push({
      entity: `plan:${planId}`,
      kind: 'stop',
      payload: { sessionId: session.id, seq: stop.seq, by: stop.authorName },
    });
  } else if (live && planId && !state.stopRequested) {
    for (const message of unread) if (!refused.has(message.seq)) effects.tells.push(forward(planId, session, message));
    readSeq = state.messages.at(-1)?.seq ?? readSeq;
  } else if (!live && stop) {
    const before = unread.filter((message) => message.seq < stop.seq);
    const following = unread.filter((message) => message.seq > stop.seq);
    // Stops that come together, as by the two events of an issue that is taken away, are one.
    const next = following.findIndex((message) => !isStop(message));
    const after = next < 0 ? [] : following.slice(next);
    readSeq = (next < 0 ? following : following.slice(0, next)).at(-1)?.seq ?? stop.seq;
    issueJob = null;
    if (state.question) question = { do: 'withdraw', id: state.question.id };
    closeWith({
      kind: 'response',
      body: before.length > 0 ? 'Stopped before the work began.' : 'Nothing was running. Write here to start.',
    });
    const first = after[0];
    if (first) {
      reopen = reopenAt(session, first);
      effects.tells.push({ entity: entity(session), kind: 'go_on', payload: {} });
    }
  } else if (!live && news.length > 0 && news.every((message) => isPause(message))) {
    readSeq = unread.at(-1)?.seq ?? readSeq;
    closeWith({ kind: 'response', body: 'Nothing is running, so there is nothing to pause. Write here to start.' });
  } else if (!live && news.length > 0 && (state.issuePlan ? state.issuePlanIsStopping : state.lastPlanIsSaving)) {
    // The plan tells when it is done; the wake-up is for a plan that does not come to it.
    effects.wakes.push({ entity: entity(session), at: now + savingPollMs });
  } else if (!live && news.length > 0 && !fresh) {
    if (!issueJob) {
      const key = `session:${session.id}:issue:${news[0]?.seq}:${now}`;
      issueJob = idOf(key);
      effects.jobs.push({
        key,
        kind: 'issue',
        notify: entity(session),
        sessionId: session.id,
        payload: { workspace: session.workspace, issueId: issue.id },
      });
    }
  } else if (!live && news.length > 0) {
    const begun = begin({ ...state, issue }, unread, listener(), effects);
    const last = unread.at(-1)?.seq ?? readSeq;
    if (begun.do === 'ask') {
      const { body, options = [] } = begun.answer;
      question = { do: 'ask', id: idOf(`question:${session.id}:${last}`), seq: last, body, options };
      closeWith(begun.answer);
    } else {
      if (state.question) question = { do: 'answer', id: state.question.id, answer: news.at(-1)?.body ?? '' };
      readSeq = last;
      if (begun.do === 'answer') closeWith(begun.answer);
      else {
        newPlan = begun.do === 'attach' ? null : begun.plan;
        planId = begun.plan.id;
        for (const seq of begun.refused) refused.add(seq);
        for (const message of unread) if (!refused.has(message.seq)) effects.tells.push(forward(planId, session, message));
      }
    }
  }

  heartbeat(state, listener(), now, effects);
  return { readSeq, planId, issueJob, issue: read, close, reopen, newPlan, refused: [...refused], question, effects };
}

const reopenAt = (session: Session, first: Message): NonNullable<SessionDecision['reopen']> => ({
  turnId: idOf(`turn:${session.id}:${first.seq}`),
  openedBy: `message:${first.seq}`,
  fromSeq: first.seq,
});

function forward(planId: string, session: Session, message: Message): Effects['tells'][number] {
  return {
    entity: `plan:${planId}`,
    kind: 'message',
    payload: {
      sessionId: session.id,
      seq: message.seq,
      authorName: message.authorName,
      body: message.body,
      signal: message.signal,
      at: message.at,
    },
  };
}

/** Keeps an open turn from looking dead: a passing thought after a long silence. */
function heartbeat(state: SessionState, to: Listener | null, now: Instant, effects: Effects): void {
  if (!to) return;
  const last = Math.max(state.lastWriteAt ?? 0, state.turn?.openedAt ?? 0);
  if (effects.writes.length === 0 && now - last >= heartbeatMs)
    effects.writes.push(thought(to, `turn:${to.turnId}:alive:${Math.floor(now / heartbeatMs)}`, 'Still at it.', undefined, true));
  const silentSince = effects.writes.length > 0 ? now : last;
  effects.wakes.push({ entity: entity(state.session), at: silentSince + heartbeatMs });
}
