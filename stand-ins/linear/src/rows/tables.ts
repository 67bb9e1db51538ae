/** What every entity has. Columns are named as in Linear's schema; a relation `x` is kept as `xId`. */
export interface Row {
  readonly id: string;
  readonly __typename: string;
  /** Order of insertion, for a stable sort of rows made in the same millisecond. */
  readonly seq: number;
  createdAt: string;
  updatedAt: string;
  archivedAt: string | null;
}

export interface OrganizationRow extends Row {
  name: string;
  urlKey: string;
}

export interface UserRow extends Row {
  name: string;
  displayName: string;
  email: string;
  url: string;
  active: boolean;
  app: boolean;
  avatarUrl: string | null;
}

export interface TeamRow extends Row {
  name: string;
  displayName: string;
  key: string;
  organizationId: string;
  parentId: string | null;
}

export interface WorkflowStateRow extends Row {
  name: string;
  type: string;
  position: number;
  color: string;
  teamId: string;
}

export interface IssueLabelRow extends Row {
  name: string;
  color: string;
  teamId: string | null;
  parentId: string | null;
  isGroup: boolean;
}

export interface ProjectRow extends Row {
  name: string;
  description: string;
  slugId: string;
  url: string;
  statusId: string;
}

export interface ProjectStatusRow extends Row {
  name: string;
  type: string;
}

export interface IssueRow extends Row {
  number: number;
  identifier: string;
  title: string;
  description: string | null;
  url: string;
  branchName: string;
  teamId: string;
  stateId: string;
  labelIds: readonly string[];
  parentId: string | null;
  projectId: string | null;
  assigneeId: string | null;
  delegateId: string | null;
  creatorId: string;
  priority: number;
  priorityLabel: string;
  estimate: number | null;
  dueDate: string | null;
  sortOrder: number;
  prioritySortOrder: number;
  startedAt: string | null;
  completedAt: string | null;
  canceledAt: string | null;
}

export interface CommentRow extends Row {
  body: string;
  url: string;
  issueId: string | null;
  parentId: string | null;
  /** `null` when Linear itself wrote it. */
  userId: string | null;
  editedAt: string | null;
  quotedText: string | null;
  isArtificialAgentSessionRoot: boolean;
}

export interface AttachmentRow extends Row {
  issueId: string;
  creatorId: string;
  title: string;
  subtitle: string | null;
  url: string;
  metadata: Readonly<Record<string, unknown>>;
  sourceType: string | null;
  groupBySource: boolean;
}

export interface IssueRelationRow extends Row {
  type: string;
  issueId: string;
  relatedIssueId: string;
}

export interface ReactionRow extends Row {
  emoji: string;
  userId: string;
  commentId: string | null;
  issueId: string | null;
}

export type SessionStatus = 'pending' | 'active' | 'awaitingInput' | 'complete' | 'error' | 'stale' | 'stopping';

export interface ExternalLink {
  readonly label: string;
  readonly url: string;
}

export interface ChecklistItem {
  readonly content: string;
  readonly status: 'pending' | 'inProgress' | 'completed' | 'canceled';
}

export interface AgentSessionRow extends Row {
  appUserId: string;
  creatorId: string | null;
  issueId: string | null;
  commentId: string;
  sourceCommentId: string | null;
  status: SessionStatus;
  type: 'commentThread';
  plan: readonly ChecklistItem[] | null;
  summary: string | null;
  externalLinks: readonly ExternalLink[];
  externalUrls: readonly ExternalLink[];
  externalLink: string | null;
  context: Readonly<Record<string, unknown>>;
  slugId: string;
  url: string;
  startedAt: string | null;
  endedAt: string | null;
  dismissedAt: string | null;
  dismissedById: string | null;
}

export type ActivityType = 'thought' | 'action' | 'elicitation' | 'response' | 'error' | 'prompt';

export interface ActivityContent {
  readonly __typename: string;
  readonly type: ActivityType;
  readonly [field: string]: unknown;
}

export interface AgentActivityRow extends Row {
  agentSessionId: string;
  /** That of the content, for filters. */
  type: ActivityType;
  userId: string;
  content: ActivityContent;
  ephemeral: boolean;
  signal: string | null;
  signalMetadata: Readonly<Record<string, unknown>> | null;
  sourceCommentId: string | null;
  queued: boolean;
}

/** What landed in somebody's inbox. */
export interface IssueNotificationRow extends Row {
  type: string;
  userId: string;
  issueId: string;
  actorId: string;
}

export interface Tables {
  Organization: OrganizationRow;
  User: UserRow;
  Team: TeamRow;
  WorkflowState: WorkflowStateRow;
  IssueLabel: IssueLabelRow;
  Project: ProjectRow;
  ProjectStatus: ProjectStatusRow;
  Issue: IssueRow;
  Comment: CommentRow;
  Attachment: AttachmentRow;
  IssueRelation: IssueRelationRow;
  Reaction: ReactionRow;
  AgentSession: AgentSessionRow;
  AgentActivity: AgentActivityRow;
  IssueNotification: IssueNotificationRow;
}

export type TableName = keyof Tables;

/** Columns by which rows are looked up often, kept as indexes. */
export const indexedColumns: { readonly [T in TableName]: readonly (keyof Tables[T] & string)[] } = {
  Organization: [],
  User: ['displayName'],
  Team: ['key'],
  WorkflowState: ['teamId'],
  IssueLabel: ['name'],
  Project: ['name'],
  ProjectStatus: [],
  Issue: ['identifier', 'teamId', 'parentId', 'stateId', 'delegateId', 'branchName'],
  Comment: ['issueId', 'parentId'],
  Attachment: ['issueId', 'url'],
  IssueRelation: ['issueId', 'relatedIssueId'],
  Reaction: ['issueId', 'commentId'],
  AgentSession: ['issueId', 'commentId'],
  AgentActivity: ['agentSessionId'],
  IssueNotification: ['userId'],
};
