import type { Effects } from 'cyrus-core/domain/effects';
import type { Plan } from 'cyrus-core/domain/plan';
import type { Answer, Message } from 'cyrus-core/domain/session';
import { idOf } from 'cyrus-core/ids';
import { type AccessAction, mayDo, refusal } from './access.ts';
import { failureAnswer } from './answers.ts';
import { refusedSignal, senderOf } from './refused.ts';
import { chosenFrom, type Route, routeOptions, routeProcedure, routeRepository } from './route.ts';
import type { SessionState } from './session-context.ts';
import { delegate, type Listener, thought } from './tracker-writes.ts';

export interface PlanDraft extends Omit<Plan, 'createdAt' | 'state' | 'headSha' | 'parkedReason' | 'parkedFrom' | 'parkedUntil'> {
  readonly contentHash: string;
}

export type Begun =
  /** `refused`: numbers of messages whose writers may not say this here. */
  | { readonly do: 'begin' | 'attach'; readonly plan: PlanDraft; readonly refused: readonly number[] }
  | { readonly do: 'ask'; readonly answer: Answer }
  | { readonly do: 'answer'; readonly answer: Answer };

/** Finds the work that `messages` belong to: the live plan of the issue, or a new one where the issue may be worked on at all. */
export function begin(state: SessionState, messages: readonly Message[], to: Listener | null, effects: Effects): Begun {
  const guarded = state.issuePlan ? null : guard(state, messages);
  if (guarded) return { do: 'answer', answer: { kind: 'response', body: guarded } };
  if (state.issuePlan) {
    const judged = judge(state, messages, state.issuePlan.repositoryId, 'steer');
    return judged.refusal ?? { ...join(state.issuePlan, to, effects), refused: judged.refused };
  }
  const { issue, session, lastPlan, question } = state;
  const said = messages.map((message) => message.body);
  const chosen = question ? (chosenFrom(question.options, said.at(-1) ?? '') ?? null) : null;
  const route = routeRepository(issue, state.repositories, { said, chosen, before: lastPlan?.repositoryId ?? null });
  const { refused, refusal: no } = judge(state, messages, route.fits ? route.repository.id : null, question ? 'answer' : 'trigger');
  if (no) return no;
  if (!route.fits) return noRoute(route, question !== null);
  const { procedure, reason } = routeProcedure(issue, route.repository);
  const automated = messages.every((message) => message.authorId === null) && session.source === 'linear';
  const options = { ...routeOptions(issue, said), ...(automated ? { automated } : {}) };
  const continues = lastPlan && lastPlan.repositoryId === route.repository.id ? lastPlan : null;
  // What was merged is part of the base branch: the work goes on from there, in a branch and a pull request of its own.
  const merged = continues?.pullRequest?.state === 'merged';
  const builds = merged ? null : continues;
  const number = (lastPlan?.number ?? 0) + 1;
  const plan: PlanDraft = {
    id: idOf(`plan:${issue.id}:${number}`),
    issueId: issue.id,
    number,
    procedure,
    repositoryId: route.repository.id,
    baseBranch: route.baseBranch ?? continues?.baseBranch ?? null,
    branch: builds?.branch ?? state.nameBranch(issue, number),
    startSha: builds?.headSha ?? null,
    pushedSha: builds?.pushedSha ?? null,
    pullRequest: builds?.pullRequest ?? null,
    follows: continues?.id ?? null,
    routeReason: route.reason,
    options,
    contentHash: idOf(JSON.stringify([issue.id, number, route.repository.id, procedure, issue.title, issue.description])),
  };
  if (to) {
    const since = merged ? `; #${continues?.pullRequest?.number} was merged, so it begins at the base branch` : '';
    const how = builds ? `Continuing on \`${plan.branch}\`` : `Branch \`${plan.branch}\`${since}`;
    const asked = [options.agent && `agent ${options.agent}`, options.model && `model ${options.model}`].filter(Boolean).join(', ');
    const body = `Working in **${route.repository.name}** (${route.reason}) as **${procedure}** (${reason}). ${how}.${asked ? ` As asked: ${asked}.` : ''}`;
    effects.writes.push(thought(to, `plan:${plan.id}:route`, body, plan.id));
    const app = session.context.appUserId;
    if (app && issue.details && !issue.details.delegateId && procedure !== 'scoper' && !automated)
      effects.writes.push(delegate(to, `plan:${plan.id}:delegate`, issue.id, app, plan.id));
  }
  return { do: 'begin', plan, refused };
}

/** Who may say this here; a refusal when nobody of them may. */
function judge(
  state: SessionState,
  messages: readonly Message[],
  repositoryId: string | null,
  action: AccessAction,
): { readonly refused: readonly number[]; readonly refusal: Begun | null } {
  const rules = state.access(repositoryId);
  const refused = messages.filter((message) => message.signal === refusedSignal || !mayDo(rules, senderOf(state.session, message), action));
  const last = refused.at(-1);
  const all = last !== undefined && refused.length === messages.length;
  const body = all ? refusal(rules, last.authorName, action) : '';
  return {
    refused: refused.map((message) => message.seq),
    refusal: all ? { do: 'answer', answer: { kind: 'response', body } } : null,
  };
}

function join(live: Plan, to: Listener | null, effects: Effects): { readonly do: 'attach'; readonly plan: PlanDraft } {
  const { createdAt, state, headSha, parkedReason, parkedFrom, parkedUntil, ...plan } = live;
  if (to)
    effects.writes.push(
      thought(
        to,
        `turn:${to.turnId}:joined`,
        `This issue is being worked on already (branch \`${plan.branch}\`). Your message goes to that work.`,
      ),
    );
  return { do: 'attach', plan: { ...plan, contentHash: '' } };
}

/** What keeps agents from feeding themselves with work; null: nothing speaks against it. */
function guard(state: SessionState, messages: readonly Message[]): string | null {
  const app = state.session.context.appUserId;
  if (!app) return null;
  // A session without a creator comes from an automation, which delegates the issue, or from the app itself, which does not.
  const delegated = state.issue.details?.delegateId === app;
  const ours = (message: Message): boolean =>
    (message.authorId === app && !(state.openedForDelegation && delegated && message.body.trim() === '')) ||
    (message.authorId === null && message.body.trim() === '' && !delegated);
  if (state.session.source === 'linear' && messages.length > 0 && messages.every(ours))
    return 'I opened this thread myself, so I start nothing in it. Write here if you want me to.';
  // A bare request is that of a delegation. One that was taken back may be told of before the session it opened.
  const bare = messages.length > 0 && messages.every((message) => message.body.trim() === '');
  if (state.session.source === 'linear' && bare && state.issue.details && !delegated)
    return 'The issue was taken away before the work began. Assign it to me again, or write here, to start.';
  const { depth, siblings, limits } = state.lineage;
  if (depth >= limits.depth)
    return `This issue is ${depth} levels below issues that I work on, and I go no deeper than ${limits.depth} (limits.maxIssueDepth). Move it up, or have it done by itself without its parents.`;
  if (state.issue.details?.creatorId === app && siblings >= limits.siblings)
    return `An agent made this issue, and ${siblings} issues of its kind under the same parent are being worked on (limits.maxAgentIssues: ${limits.siblings}). Write here again when some of them are done.`;
  return null;
}

function noRoute(route: Extract<Route, { fits: false }>, askedBefore: boolean): Begun {
  if (route.candidates.length > 0) {
    const sorry = askedBefore ? 'I did not recognise a repository in that. ' : '';
    const body = `${sorry}Which repository is this for? I cannot tell: ${route.reason}. Choose one, or write [repo=NAME].`;
    const options = route.candidates.map((repository) => ({ label: repository.name, value: repository.id }));
    return { do: 'ask', answer: { kind: 'elicitation', body, options } };
  }
  const failure = {
    class: 'invalid_request',
    message: `No repository fits: ${route.reason}.`,
    fix: 'Add the repository (or its team, project or label) to the configuration, or write [repo=NAME] here.',
  } as const;
  return { do: 'answer', answer: failureAnswer({ failure, output: null, checks: null, kept: null, spent: null }) };
}
