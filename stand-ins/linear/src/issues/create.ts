import { issueView } from '../control/views.ts';
import type { IssueRow } from '../rows/tables.ts';
import { sendIssueEvent } from '../webhooks/events.ts';
import type { Actor, World } from '../world.ts';
import { priorityLabel } from './priority.ts';
import { type IssueChanges, updateIssue } from './update.ts';

export interface IssueInput extends IssueChanges {
  readonly id?: string | null | undefined;
  readonly teamId: string;
  readonly title?: string | null | undefined;
}

/** A new issue, in the backlog unless a state is given; a delegate is set after it exists, which opens a session. */
export function createIssue(world: World, input: IssueInput, actor: Actor): IssueRow {
  const { store } = world;
  const team = store.get('Team', input.teamId);
  const backlog = store.where('WorkflowState', 'teamId', team.id).find((state) => state.type === 'backlog');
  const state = store.get('WorkflowState', input.stateId ?? backlog?.id);
  const numbers = store.where('Issue', 'teamId', team.id).map((issue) => issue.number);
  const number = (numbers.at(-1) ?? 0) + 1;
  const identifier = `${team.key}-${number}`;
  const title = input.title ?? '';
  const slug = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 50)
    .replace(/^-|-$/g, '');
  const issue = store.insert('Issue', {
    id: input.id ?? undefined,
    number,
    identifier,
    title,
    description: input.description ?? null,
    url: `https://linear.app/${world.organization.urlKey}/issue/${identifier}/${slug}`,
    branchName: `${actor.user.displayName}/${identifier.toLowerCase()}-${slug}`,
    teamId: team.id,
    stateId: state.id,
    labelIds: (input.labelIds ?? []).map((id) => store.get('IssueLabel', id).id),
    parentId: input.parentId ? store.get('Issue', input.parentId).id : null,
    projectId: input.projectId ? store.get('Project', input.projectId).id : null,
    assigneeId: null,
    delegateId: null,
    creatorId: actor.user.id,
    priority: input.priority ?? 0,
    priorityLabel: priorityLabel(input.priority ?? 0),
    estimate: input.estimate ?? null,
    dueDate: input.dueDate ?? null,
    sortOrder: -number,
    prioritySortOrder: -number,
    startedAt: null,
    completedAt: null,
    canceledAt: null,
  });
  sendIssueEvent(world, 'create', issue, actor.user);
  world.journal.add('issue', { change: 'created', by: actor.user.name, issue: issueView(world, issue) });
  if (input.assigneeId || input.delegateId)
    updateIssue(world, issue, { assigneeId: input.assigneeId, delegateId: input.delegateId }, actor);
  return issue;
}
