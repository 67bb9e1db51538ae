import type { Instant } from 'cyrus-core/clock';
import type { Effects, Input } from 'cyrus-core/domain/effects';
import type { Issue, IssueDetails } from 'cyrus-core/domain/issue';
import type { Plan } from 'cyrus-core/domain/plan';
import type { Answer, AnswerOption, Message, Session, Turn } from 'cyrus-core/domain/session';
import type { AccessRules } from './access.ts';
import type { Routable } from './route.ts';
import type { PlanDraft } from './session-begin.ts';

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
  /** That plan's stop was asked for before this session's messages: they are for the next one. */
  readonly issuePlanIsStopping?: boolean;
  /** We opened it ourselves, for an issue that was delegated to us without a session. */
  readonly openedForDelegation?: boolean;
  /** A stop of the live plan has been asked for. */
  readonly stopRequested: boolean;
  /** The issue's last ended plan. */
  readonly lastPlan: Plan | null;
  /** What that plan's agent left is still being saved: what comes next begins with it. */
  readonly lastPlanIsSaving: boolean;
  /** The last outbound write of the session, queued or sent. */
  readonly lastWriteAt: Instant | null;
  readonly repositories: readonly Routable[];
  /** The open question of this session about its repository; `seq`: the last message before it was asked. */
  readonly question: { readonly id: string; readonly seq: number; readonly options: readonly AnswerOption[] } | null;
  /** Who may do what in a repository; null: before one is known. */
  /** What kind of question the live plan has asked. */
  readonly planQuestion: 'agent' | 'policy' | 'budget' | null;
  readonly access: (repositoryId: string | null) => AccessRules;
  readonly lineage: Lineage;
  /** Where one can watch; null when nothing is served. */
  readonly nameBranch: (issue: Issue, number: number) => string;
}

/** Where an issue stands among those that are worked on, and how much of that is allowed. */
export interface Lineage {
  /** Parents, however far up, that have been worked on. */
  readonly depth: number;
  /** Issues with live plans under the same parent that agents made. */
  readonly siblings: number;
  readonly limits: { readonly depth: number; readonly siblings: number };
}

export interface SessionDecision {
  readonly readSeq: number;
  readonly planId: string | null;
  readonly issueJob: string | null;
  /** New facts of the issue, as read. */
  readonly issue: (Pick<Issue, 'identifier' | 'title' | 'description' | 'url'> & { readonly details: IssueDetails }) | null;
  readonly close: { readonly turnId: string; readonly answer: Answer } | null;
  /** A turn for messages that came after a stop: the stop's turn has its own answer. */
  readonly reopen: { readonly turnId: string; readonly openedBy: string; readonly fromSeq: number | null } | null;
  readonly newPlan: PlanDraft | null;
  /** Messages whose writers may not say that here. */
  readonly refused: readonly number[];
  readonly question: SessionQuestion | null;
  readonly effects: Effects;
}

export type SessionQuestion =
  | { readonly do: 'ask'; readonly id: string; readonly seq: number; readonly body: string; readonly options: readonly AnswerOption[] }
  | { readonly do: 'answer'; readonly id: string; readonly answer: string }
  | { readonly do: 'withdraw'; readonly id: string };

/** The payload of a `message` input of a plan. */
export interface Forwarded {
  readonly sessionId: string;
  readonly seq: number;
  readonly authorName: string | null;
  readonly body: string;
  readonly signal: string | null;
  readonly at: Instant;
}

/** The payload of a `plan_waits` input: the turn closes, the plan stays live. */
export interface PlanWaits {
  readonly planId: string;
  readonly through: number;
  readonly answer: Answer;
}

/** The payload of an `unparked` input: the plan goes on by itself and owes an answer from now on. */
export interface Unparked {
  readonly planId: string;
  /** Names what it was unparked by. */
  readonly key: string;
  readonly body: string;
}

/** The payload of a `plan_finished` input. */
export interface PlanFinished {
  readonly planId: string;
  readonly state: 'done' | 'failed' | 'stopped';
  /** The session's messages up to here were dealt with. */
  readonly through: number;
  readonly answer: Answer;
}
