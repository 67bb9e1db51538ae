/** Entities as webhooks carry them: the `*WebhookPayload` types of Linear's schema. */
import type {
  AgentActivityRow,
  AgentSessionRow,
  CommentRow,
  IssueLabelRow,
  IssueRow,
  TeamRow,
  UserRow,
  WorkflowStateRow,
} from '../rows/tables.ts';
import type { World } from '../world.ts';

type Payload = Record<string, unknown>;

export function userChild(user: UserRow | undefined): Payload | null {
  return user ? { id: user.id, name: user.name, email: user.email, url: user.url, avatarUrl: user.avatarUrl } : null;
}

const teamChild = (team: TeamRow): Payload => ({ id: team.id, key: team.key, name: team.name });
const stateChild = (state: WorkflowStateRow): Payload => ({ id: state.id, name: state.name, type: state.type, color: state.color });
const labelChild = (label: IssueLabelRow): Payload => ({ id: label.id, name: label.name, color: label.color, parentId: label.parentId });

/** An issue inside another payload: without state, labels, assignee or delegate. */
export function issueChild(world: World, issue: IssueRow): Payload {
  const { id, identifier, title, url, teamId } = issue;
  return { id, identifier, title, url, teamId, team: teamChild(world.store.get('Team', teamId)) };
}

export const describedIssueChild = (world: World, issue: IssueRow): Payload => ({
  ...issueChild(world, issue),
  description: issue.description,
});

export const commentChild = (comment: CommentRow): Payload => ({
  id: comment.id,
  body: comment.body,
  issueId: comment.issueId,
  userId: comment.userId,
});

export function sessionPayload(world: World, session: AgentSessionRow): Payload {
  const { store } = world;
  const issue = store.find('Issue', session.issueId);
  const comment = store.find('Comment', session.commentId);
  return {
    id: session.id,
    organizationId: world.organization.id,
    appUserId: session.appUserId,
    creatorId: session.creatorId,
    creator: userChild(store.find('User', session.creatorId)),
    issueId: session.issueId,
    issue: issue ? describedIssueChild(world, issue) : null,
    commentId: session.commentId,
    comment: comment ? commentChild(comment) : null,
    sourceCommentId: session.sourceCommentId,
    sourceMetadata: null,
    status: session.status,
    type: session.type,
    summary: session.summary,
    url: session.url,
    startedAt: session.startedAt,
    endedAt: session.endedAt,
    createdAt: session.createdAt,
    updatedAt: session.updatedAt,
    archivedAt: session.archivedAt,
  };
}

export function activityPayload(world: World, activity: AgentActivityRow): Payload {
  const { __typename, ...content } = activity.content;
  return {
    id: activity.id,
    agentSessionId: activity.agentSessionId,
    content,
    signal: activity.signal,
    signalMetadata: activity.signalMetadata,
    sourceCommentId: activity.sourceCommentId,
    userId: activity.userId,
    user: userChild(world.store.get('User', activity.userId)),
    createdAt: activity.createdAt,
    updatedAt: activity.updatedAt,
    archivedAt: activity.archivedAt,
  };
}

export function issuePayload(world: World, issue: IssueRow): Payload {
  const { store } = world;
  const project = store.find('Project', issue.projectId);
  return {
    id: issue.id,
    identifier: issue.identifier,
    number: issue.number,
    title: issue.title,
    description: issue.description,
    url: issue.url,
    priority: issue.priority,
    priorityLabel: issue.priorityLabel,
    prioritySortOrder: issue.prioritySortOrder,
    sortOrder: issue.sortOrder,
    estimate: issue.estimate,
    dueDate: issue.dueDate,
    teamId: issue.teamId,
    team: teamChild(store.get('Team', issue.teamId)),
    stateId: issue.stateId,
    state: stateChild(store.get('WorkflowState', issue.stateId)),
    labelIds: issue.labelIds,
    labels: issue.labelIds.map((id) => labelChild(store.get('IssueLabel', id))),
    parentId: issue.parentId,
    projectId: issue.projectId,
    project: project ? { id: project.id, name: project.name, url: project.url } : null,
    assigneeId: issue.assigneeId,
    assignee: userChild(store.find('User', issue.assigneeId)),
    delegateId: issue.delegateId,
    delegate: userChild(store.find('User', issue.delegateId)),
    creatorId: issue.creatorId,
    creator: userChild(store.find('User', issue.creatorId)),
    subscriberIds: [],
    previousIdentifiers: [],
    reactionData: [],
    releases: [],
    startedAt: issue.startedAt,
    completedAt: issue.completedAt,
    canceledAt: issue.canceledAt,
    createdAt: issue.createdAt,
    updatedAt: issue.updatedAt,
    archivedAt: issue.archivedAt,
  };
}

export function commentPayload(world: World, comment: CommentRow): Payload {
  const issue = world.store.find('Issue', comment.issueId);
  const parent = world.store.find('Comment', comment.parentId);
  return {
    id: comment.id,
    body: comment.body,
    issueId: comment.issueId,
    issue: issue ? issueChild(world, issue) : null,
    parentId: comment.parentId,
    parent: parent ? commentChild(parent) : null,
    userId: comment.userId,
    user: userChild(world.store.find('User', comment.userId)),
    reactionData: [],
    quotedText: comment.quotedText,
    editedAt: comment.editedAt,
    createdAt: comment.createdAt,
    updatedAt: comment.updatedAt,
    archivedAt: comment.archivedAt,
  };
}
