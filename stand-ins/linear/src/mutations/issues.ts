import { createIssue } from '../issues/create.ts';
import { updateIssue } from '../issues/update.ts';
import { type LinearDocument as L, type Mutation, modelled } from './mutation.ts';

const changeable = [
  'title',
  'description',
  'stateId',
  'assigneeId',
  'delegateId',
  'parentId',
  'projectId',
  'priority',
  'estimate',
  'dueDate',
  'sortOrder',
  'labelIds',
] as const;

export const issueCreate: Mutation<L.MutationIssueCreateArgs> = (world, { input }, actor) => ({
  issue: createIssue(world, modelled('IssueCreateInput', input, ['id', 'teamId', ...changeable]), actor),
});

export const issueUpdate: Mutation<L.MutationIssueUpdateArgs> = (world, { id, input }, actor) => {
  const changes = modelled('IssueUpdateInput', input, [...changeable, 'addedLabelIds', 'removedLabelIds']);
  return { issue: updateIssue(world, world.store.get('Issue', id), changes, actor) };
};

export const issueAddLabel: Mutation<L.MutationIssueAddLabelArgs> = (world, { id, labelId }, actor) => ({
  issue: updateIssue(world, world.store.get('Issue', id), { addedLabelIds: [labelId] }, actor),
});

export const issueRemoveLabel: Mutation<L.MutationIssueRemoveLabelArgs> = (world, { id, labelId }, actor) => ({
  issue: updateIssue(world, world.store.get('Issue', id), { removedLabelIds: [labelId] }, actor),
});

export const issueArchive: Mutation<L.MutationIssueArchiveArgs> = (world, { id }) => {
  const issue = world.store.get('Issue', id);
  world.store.archive(issue);
  return { entity: issue };
};

export const issueLabelCreate: Mutation<L.MutationIssueLabelCreateArgs> = (world, { input }) => {
  const { id, name, color, teamId, parentId } = modelled('IssueLabelCreateInput', input, ['id', 'name', 'color', 'teamId', 'parentId']);
  const team = teamId ? world.store.get('Team', teamId).id : null;
  const columns = { name, color: color ?? '#bec2c8', teamId: team, parentId: parentId ?? null, isGroup: false };
  return { issueLabel: world.store.insert('IssueLabel', { id: id ?? undefined, ...columns }) };
};

export const issueRelationCreate: Mutation<L.MutationIssueRelationCreateArgs> = (world, { input }) => {
  const { id, type, issueId, relatedIssueId } = modelled('IssueRelationCreateInput', input, ['id', 'type', 'issueId', 'relatedIssueId']);
  const relation = world.store.insert('IssueRelation', {
    id: id ?? undefined,
    type,
    issueId: world.store.get('Issue', issueId).id,
    relatedIssueId: world.store.get('Issue', relatedIssueId).id,
  });
  return { issueRelation: relation };
};

export const issueRelationDelete: Mutation<L.MutationIssueRelationDeleteArgs> = (world, { id }) => ({
  entityId: world.store.remove('IssueRelation', id).id,
});
