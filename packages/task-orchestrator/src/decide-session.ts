import type { Instant } from 'cyrus-core/clock';
import { type Effects, type Input, type JobEnd, noEffects } from 'cyrus-core/domain/effects';
import type { Issue, IssueDetails } from 'cyrus-core/domain/issue';
import type { Plan } from 'cyrus-core/domain/plan';
import type { Answer, Message, Session, Turn } from 'cyrus-core/domain/session';
import { idOf } from 'cyrus-core/ids';
import { failureAnswer } from './answers.ts';
import { stateOnStart } from './issue-state.ts';
import { type Routable, routeOptions, routeProcedure, routeRepository } from './route.ts';
import { isStop } from './stop-words.ts';
import { acknowledgement, closing, delegate, issueState, type Listener, thought } from './tracker-writes.ts';

/** The longest silence in an open turn before a sign of life; the tracker calls a session stale after 30 minutes. */
export const heartbeatMs: number = 10 * 60_000;

const savingPollMs = 1_000;

export interface SessionState {
  readonly session: Session;
  readonly issue: Issue;
  readonly turn: Turn | null;
  /** Every message of the open turn and every unread one, in order. */
  readonly messages: readonly Message[];
  readonly inputs: readonly Input[];
  /** The plan the session believes live. */
  readonly plan: Plan | null;
  /** A live plan of the issue that another session began. */
  readonly issuePlan: Plan | null;
  /** A stop of the live plan has been asked for. */
  readonly stopRequested: boolean;
  /** The issue's last ended plan. */
  readonly lastPlan: Plan | null;
  /** What that plan's agent left is still being saved: what comes next begins with it. */
  readonly lastPlanIsSaving: boolean;
  /** The last outbound write of the session, queued or sent. */
  readonly lastWriteAt: Instant | null;
  readonly repositories: readonly Routable[];
  readonly stateOnStart: string | undefined;
  /** Where one can watch; null when nothing is served. */
  readonly nameBranch: (issue: Issue, number: number) => string;
}

export interface PlanDraft extends Omit<Plan, 'createdAt' | 'state' | 'headSha'> {
  readonly contentHash: string;
}

export interface SessionDecision {
  readonly readSeq: number;
  readonly planId: string | null;
  readonly issueJob: string | null;
  /** New facts of the issue, as read. */
  readonly issue: (Pick<Issue, 'identifier' | 'title' | 'description' | 'url'> & { readonly details: IssueDetails }) | null;
  readonly close: { readonly turnId: string; readonly answer: Answer } | null;
  /** A turn for messages that came after a stop: the stop's turn has its own answer. */
  readonly reopen: { readonly turnId: string; readonly fromSeq: number } | null;
  readonly newPlan: PlanDraft | null;
  readonly effects: Effects;
}

/** The payload of a `plan_finished` input. */
export interface PlanFinished {
  readonly planId: string;
  readonly state: 'done' | 'failed' | 'stopped';
  /** The session's messages up to here were dealt with. */
  readonly through: number;
  readonly answer: Answer;
}

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
    }
  }

  if (finished) {
    const through = Math.max(finished.through, 0);
    const left = state.messages.filter((message) => message.seq > (finished.state === 'stopped' ? Math.max(readSeq, through) : through));
    planId = null;
    if (left.length === 0 || left.every((message) => isStop(message))) {
      readSeq = Math.max(readSeq, state.messages.at(-1)?.seq ?? 0);
      closeWith(finished.answer);
    } else if (finished.state === 'stopped') {
      closeWith(finished.answer);
      const first = left[0];
      if (first) {
        const turnId = idOf(`turn:${session.id}:${first.seq}`);
        reopen = { turnId, fromSeq: first.seq };
        turn = { id: turnId, openedAt: now };
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

  const unread = state.messages.filter((message) => message.seq > readSeq);
  const stop = unread.find((message) => isStop(message));
  const live = planId !== null && !finished;

  if (live && stop && planId) {
    readSeq = stop.seq;
    effects.tells.push({
      entity: `plan:${planId}`,
      kind: 'stop',
      payload: { sessionId: session.id, seq: stop.seq, by: stop.authorName },
    });
  } else if (live && planId && !state.stopRequested) {
    for (const message of unread) effects.tells.push(forward(planId, session, message));
    readSeq = unread.at(-1)?.seq ?? readSeq;
  } else if (!live && stop) {
    const before = unread.filter((message) => message.seq < stop.seq);
    const after = unread.filter((message) => message.seq > stop.seq);
    readSeq = stop.seq;
    issueJob = null;
    closeWith({
      kind: 'response',
      body: before.length > 0 ? 'Stopped before the work began.' : 'Nothing was running. Write here to start.',
    });
    const first = after[0];
    if (first) {
      const turnId = idOf(`turn:${session.id}:${first.seq}`);
      reopen = { turnId, fromSeq: first.seq };
      effects.tells.push({ entity: entity(session), kind: 'go_on', payload: {} });
    }
  } else if (!live && unread.length > 0 && state.lastPlanIsSaving && !state.issuePlan) {
    // The plan tells when it is done; the wake-up is for a plan that does not come to it.
    effects.wakes.push({ entity: entity(session), at: now + savingPollMs });
  } else if (!live && unread.length > 0 && !fresh) {
    if (!issueJob) {
      const key = `session:${session.id}:issue:${unread[0]?.seq}:${now}`;
      issueJob = idOf(key);
      effects.jobs.push({
        key,
        kind: 'issue',
        notify: entity(session),
        sessionId: session.id,
        payload: { workspace: session.workspace, issueId: issue.id },
      });
    }
  } else if (!live && unread.length > 0) {
    const begun = begin({ ...state, issue }, listener(), effects);
    if ('answer' in begun) {
      readSeq = unread.at(-1)?.seq ?? readSeq;
      closeWith(begun.answer);
    } else {
      newPlan = begun.attach ? null : begun.plan;
      planId = begun.plan.id;
      for (const message of unread) effects.tells.push(forward(planId, session, message));
      readSeq = unread.at(-1)?.seq ?? readSeq;
    }
  }

  heartbeat(state, listener(), now, effects);
  return { readSeq, planId, issueJob, issue: read, close, reopen, newPlan, effects };
}

function forward(planId: string, session: Session, message: Message): Effects['tells'][number] {
  return {
    entity: `plan:${planId}`,
    kind: 'message',
    payload: { sessionId: session.id, seq: message.seq, authorName: message.authorName, body: message.body, at: message.at },
  };
}

type Begun = { readonly plan: PlanDraft; readonly attach: boolean } | { readonly answer: Answer };

function begin(state: SessionState, to: Listener | null, effects: Effects): Begun {
  const { issue, session, lastPlan } = state;
  if (state.issuePlan) {
    const { createdAt: _created, state: _state, headSha: _head, ...plan } = state.issuePlan;
    if (to)
      effects.writes.push(
        thought(
          to,
          `turn:${to.turnId}:joined`,
          `This issue is being worked on already (branch \`${plan.branch}\`). Your message goes to that work.`,
        ),
      );
    return { plan: { ...plan, contentHash: '' }, attach: true };
  }
  const route = routeRepository(issue, state.repositories);
  if (!route.fits) {
    const failure = {
      class: 'invalid_request',
      message: `No repository fits: ${route.reason}.`,
      fix: 'Add the repository (or its team, project or label) to the configuration, or write [repo=NAME] in the issue, then write here again.',
    } as const;
    return { answer: failureAnswer({ failure, output: null, checks: null, kept: null, spent: null }) };
  }
  const { procedure, reason } = routeProcedure(issue, route.repository);
  const options = routeOptions(issue);
  const continues = lastPlan && lastPlan.repositoryId === route.repository.id ? lastPlan : null;
  const number = (lastPlan?.number ?? 0) + 1;
  const plan: PlanDraft = {
    id: idOf(`plan:${issue.id}:${number}`),
    issueId: issue.id,
    number,
    procedure,
    repositoryId: route.repository.id,
    baseBranch: continues?.baseBranch ?? null,
    branch: continues?.branch ?? state.nameBranch(issue, number),
    startSha: continues?.headSha ?? null,
    pushedSha: continues?.pushedSha ?? null,
    pullRequest: continues?.pullRequest ?? null,
    follows: continues?.id ?? null,
    routeReason: route.reason,
    options,
    contentHash: idOf(JSON.stringify([issue.id, number, route.repository.id, procedure, issue.title, issue.description])),
  };
  if (to) {
    const how = continues ? `Continuing on \`${plan.branch}\`` : `Branch \`${plan.branch}\``;
    const asked = [options.agent && `agent ${options.agent}`, options.model && `model ${options.model}`].filter(Boolean).join(', ');
    const body = `Working in **${route.repository.name}** (${route.reason}) as **${procedure}** (${reason}). ${how}.${asked ? ` As asked: ${asked}.` : ''}`;
    effects.writes.push(thought(to, `plan:${plan.id}:route`, body, plan.id));
    const started = stateOnStart(issue, state.stateOnStart);
    if (started) effects.writes.push(issueState(to, `plan:${plan.id}:started`, issue.id, started.id, plan.id));
    const app = session.context.appUserId;
    if (app && issue.details && !issue.details.delegateId && procedure !== 'scoper')
      effects.writes.push(delegate(to, `plan:${plan.id}:delegate`, issue.id, app, plan.id));
  }
  return { plan, attach: false };
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
