/** Rows of a session as its decisions meet them. */
import type { Input, JobEnd } from 'cyrus-core/domain/effects';
import type { Issue, IssueDetails } from 'cyrus-core/domain/issue';
import type { Plan } from 'cyrus-core/domain/plan';
import type { Message } from 'cyrus-core/domain/session';
import { openAccess } from '../src/access.ts';
import type { Routable } from '../src/route.ts';
import type { PlanFinished, SessionDecision, SessionState } from '../src/session-context.ts';
import { plan as planRow } from './plan-rows.ts';

export const noon: number = 1_700_000_000_000;
export const details: IssueDetails = {
  state: { id: 'todo', name: 'Todo', type: 'unstarted', position: 1 },
  teamStates: [
    { id: 'review', name: 'In Review', type: 'started', position: 3 },
    { id: 'progress', name: 'In Progress', type: 'started', position: 2 },
  ],
  teamKey: 'ENG',
  projectName: null,
  projectId: null,
  labels: ['Bug'],
  assigneeId: null,
  delegateId: null,
  hasChildren: false,
  hasParent: false,
  comments: [],
};
export const issue: Issue = { id: 'i1', workspace: 'w', identifier: 'ENG-1', title: 'Broken', description: '', url: null, details: null };
export const repository: Routable = {
  id: 'main',
  name: 'Main',
  workspace: null,
  teamKeys: [],
  projectKeys: [],
  routingLabels: [],
  labelPrompts: {},
};
export const message = (seq: number, body = `m${seq}`, signal: string | null = null): Message => ({
  seq,
  turnId: 't1',
  authorName: 'Ada',
  body,
  signal,
  authorId: 'ada',
  authorEmail: null,
  at: seq,
});
export const plan: Plan = planRow({
  ...{ baseBranch: 'main', headSha: 'abc', pushedSha: 'abc' },
  pullRequest: { number: 4, url: 'u' },
  createdAt: noon,
});

export function state(
  over: Partial<SessionState> & { read?: number; planId?: string | null; issueJob?: string | null } = {},
): SessionState {
  const { read = 0, planId = null, issueJob = null, ...rest } = over;
  return {
    session: {
      id: 's1',
      source: 'linear',
      workspace: 'w',
      issueId: 'i1',
      context: { appUserId: 'app' },
      readSeq: read,
      planId,
      issueJob,
      lastWriteAt: null,
    },
    issue,
    turn: { id: 't1', openedAt: noon, openedBy: 'message:1' },
    messages: [message(1)],
    inputs: [],
    lastPlanIsSaving: false,
    plan: planId ? plan : null,
    issuePlan: null,
    stopRequested: false,
    lastPlan: null,
    lastWriteAt: noon,
    repositories: [repository],
    question: null,
    planQuestion: null,
    access: () => openAccess,
    lineage: { depth: 0, siblings: 0, limits: { depth: 3, siblings: 20 } },
    nameBranch: (named, number) => `cyrus/${named.identifier.toLowerCase()}-${number}`,
    ...rest,
  };
}
export const issueRead = (jobId: string): Input => {
  const payload: JobEnd = {
    jobId,
    kind: 'issue',
    state: 'done',
    result: { issue: { identifier: 'ENG-1', title: 'Broken', description: '', url: null, details } },
    failure: null,
  };
  return { seq: 1, kind: 'job', payload: { ...payload } };
};
export const finished = (over: Partial<PlanFinished> = {}): Input => ({
  seq: 2,
  kind: 'plan_finished',
  payload: { planId: 'p1', state: 'done', through: 1, answer: { kind: 'response', body: 'ok' }, ...over },
});
export const told = (decision: SessionDecision): readonly string[] => decision.effects.tells.map((tell) => `${tell.entity} ${tell.kind}`);
export const activities = (decision: SessionDecision): readonly string[] =>
  decision.effects.writes.filter((write) => write.kind === 'activity').map((write) => (write.payload['content'] as { body: string }).body);
