import type { Store } from '../rows/store.ts';
import type { IssueRow, Row } from '../rows/tables.ts';

type Relation = (store: Store, row: Row) => readonly Row[];

/** Relations that are no column of their own row, by `Type.field`: the rows that point back. */
export const relations: Readonly<Record<string, Relation>> = {
  'Issue.comments': (store, row) => store.where('Comment', 'issueId', row.id),
  'Issue.children': (store, row) => store.where('Issue', 'parentId', row.id),
  'Issue.attachments': (store, row) => store.where('Attachment', 'issueId', row.id),
  'Issue.relations': (store, row) => store.where('IssueRelation', 'issueId', row.id),
  'Issue.inverseRelations': (store, row) => store.where('IssueRelation', 'relatedIssueId', row.id),
  'Issue.agentSessions': (store, row) => store.where('AgentSession', 'issueId', row.id),
  'Issue.labels': (store, row) => (row as IssueRow).labelIds.map((id) => store.get('IssueLabel', id)),
  'Issue.reactions': (store, row) => store.where('Reaction', 'issueId', row.id),
  'Comment.children': (store, row) => store.where('Comment', 'parentId', row.id),
  'Comment.agentSessions': (store, row) => store.where('AgentSession', 'commentId', row.id),
  'Comment.reactions': (store, row) => store.where('Reaction', 'commentId', row.id),
  'AgentSession.activities': (store, row) => store.where('AgentActivity', 'agentSessionId', row.id),
  'Team.states': (store, row) => store.where('WorkflowState', 'teamId', row.id),
  'Team.issues': (store, row) => store.where('Issue', 'teamId', row.id),
  'Team.labels': (store, row) => store.all('IssueLabel').filter((label) => label.teamId === null || label.teamId === row.id),
  'Team.members': (store) => store.all('User'),
  'WorkflowState.issues': (store, row) => store.where('Issue', 'stateId', row.id),
  'User.assignedIssues': (store, row) => store.where('Issue', 'assigneeId', row.id),
  'User.delegatedIssues': (store, row) => store.where('Issue', 'delegateId', row.id),
  'User.createdIssues': (store, row) => store.where('Issue', 'creatorId', row.id),
  'User.teams': (store) => store.all('Team'),
  'Organization.teams': (store) => store.all('Team'),
  'Organization.users': (store) => store.all('User'),
  'Organization.labels': (store) => store.all('IssueLabel').filter((label) => label.teamId === null),
  'Organization.projectStatuses': (store) => store.all('ProjectStatus'),
  'Project.issues': (store, row) => store.where('Issue', 'projectId', row.id),
  'Project.teams': (store) => store.all('Team'),
  'IssueLabel.issues': (store, row) => store.all('Issue').filter((issue) => issue.labelIds.includes(row.id)),
  'IssueLabel.children': (store, row) => store.where('IssueLabel', 'parentId', row.id),
};
