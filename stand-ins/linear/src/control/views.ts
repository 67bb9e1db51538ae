/** Rows as the control API shows them: names instead of ids, nested, complete. */
import type {
  AgentActivityRow,
  AgentSessionRow,
  ChecklistItem,
  CommentRow,
  ExternalLink,
  IssueRow,
  SessionStatus,
} from '../rows/tables.ts';
import type { SessionState } from '../sessions/state.ts';
import type { World } from '../world.ts';

export interface ActivityView {
  readonly id: string;
  readonly type: string;
  readonly body: string | null;
  readonly action: string | null;
  readonly parameter: string | null;
  readonly result: string | null;
  readonly ephemeral: boolean;
  /** An ephemeral activity that a later one has replaced. */
  readonly replaced: boolean;
  readonly signal: string | null;
  readonly signalMetadata: Readonly<Record<string, unknown>> | null;
  readonly user: string;
  readonly byAgent: boolean;
  readonly createdAt: string;
}

export interface CommentView {
  readonly id: string;
  readonly parentId: string | null;
  readonly user: string | null;
  readonly body: string;
  readonly createdAt: string;
}

export interface SessionView {
  readonly id: string;
  readonly issue: string | null;
  readonly issueId: string | null;
  readonly status: SessionStatus;
  readonly unresponsive: boolean;
  readonly creator: string | null;
  readonly commentId: string;
  readonly plan: readonly ChecklistItem[] | null;
  readonly externalUrls: readonly ExternalLink[];
  readonly summary: string | null;
  readonly url: string;
  /** Messages of people, the first request included. */
  readonly prompts: number;
  /** Responses, elicitations and errors of the agent. */
  readonly closings: number;
  readonly stop: SessionState['stop'] | null;
  readonly dismissedAt: string | null;
  readonly createdAt: string;
  readonly activities: readonly ActivityView[];
}

export interface IssueView {
  readonly id: string;
  readonly identifier: string;
  readonly title: string;
  readonly description: string | null;
  readonly state: string;
  readonly stateType: string;
  readonly team: string;
  readonly labels: readonly string[];
  readonly project: string | null;
  readonly parent: string | null;
  readonly children: readonly string[];
  /** Identifiers of issues that block this one. */
  readonly blockedBy: readonly string[];
  readonly assignee: string | null;
  readonly delegate: string | null;
  readonly branchName: string;
  readonly url: string;
  readonly sessions: readonly string[];
  readonly attachments: readonly { readonly id: string; readonly title: string; readonly subtitle: string | null; readonly url: string }[];
  readonly comments: readonly CommentView[];
  readonly createdAt: string;
}

export function activityView(world: World, activity: AgentActivityRow): ActivityView {
  const user = world.store.get('User', activity.userId);
  const field = (name: string): string | null => (activity.content[name] as string | undefined) ?? null;
  return {
    id: activity.id,
    type: activity.content.type,
    body: field('body'),
    action: field('action'),
    parameter: field('parameter'),
    result: field('result'),
    ephemeral: activity.ephemeral,
    replaced: activity.archivedAt !== null,
    signal: activity.signal,
    signalMetadata: activity.signalMetadata,
    user: user.name,
    byAgent: user.app,
    createdAt: activity.createdAt,
  };
}

export function sessionView(world: World, session: AgentSessionRow): SessionView {
  const { store } = world;
  const state = world.sessions.of(session.id);
  return {
    id: session.id,
    issue: store.find('Issue', session.issueId)?.identifier ?? null,
    issueId: session.issueId,
    status: session.status,
    unresponsive: state.unresponsive,
    creator: store.find('User', session.creatorId)?.name ?? null,
    commentId: session.commentId,
    plan: session.plan,
    externalUrls: session.externalUrls,
    summary: session.summary,
    url: session.url,
    prompts: state.prompts,
    closings: state.closings,
    stop: state.stop ?? null,
    dismissedAt: session.dismissedAt,
    createdAt: session.createdAt,
    activities: store.where('AgentActivity', 'agentSessionId', session.id).map((activity) => activityView(world, activity)),
  };
}

export function commentView(world: World, comment: CommentRow): CommentView {
  const { id, parentId, body, createdAt } = comment;
  return { id, parentId, user: world.store.find('User', comment.userId)?.name ?? null, body, createdAt };
}

export function issueView(world: World, issue: IssueRow): IssueView {
  const { store } = world;
  const state = store.get('WorkflowState', issue.stateId);
  const identifierOf = (id: string | null): string | null => store.find('Issue', id)?.identifier ?? null;
  const blockers = store.where('IssueRelation', 'relatedIssueId', issue.id).filter((relation) => relation.type === 'blocks');
  const { id, identifier, title, description, branchName, url, createdAt } = issue;
  return {
    id,
    identifier,
    title,
    description,
    state: state.name,
    stateType: state.type,
    team: store.get('Team', issue.teamId).key,
    labels: issue.labelIds.map((labelId) => store.get('IssueLabel', labelId).name),
    project: store.find('Project', issue.projectId)?.name ?? null,
    parent: identifierOf(issue.parentId),
    children: store.where('Issue', 'parentId', id).map((child) => child.identifier),
    blockedBy: blockers.flatMap((relation) => identifierOf(relation.issueId) ?? []),
    assignee: store.find('User', issue.assigneeId)?.name ?? null,
    delegate: store.find('User', issue.delegateId)?.name ?? null,
    branchName,
    url,
    sessions: store.where('AgentSession', 'issueId', id).map((session) => session.id),
    attachments: store.where('Attachment', 'issueId', id).map(({ id, title, subtitle, url }) => ({ id, title, subtitle, url })),
    comments: store.where('Comment', 'issueId', id).map((comment) => commentView(world, comment)),
    createdAt,
  };
}
