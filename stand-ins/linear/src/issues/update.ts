import { issueView } from '../control/views.ts';
import { invalidInput } from '../errors.ts';
import type { IssueRow, WorkflowStateRow } from '../rows/tables.ts';
import { openSession } from '../sessions/open.ts';
import { markStopped, noteWrite } from '../sessions/stop.ts';
import { sendIssueEvent, sendNotification } from '../webhooks/events.ts';
import type { Actor, World } from '../world.ts';
import { priorityLabel } from './priority.ts';

/** The part of Linear's `IssueUpdateInput` that this server keeps. Ids may be identifiers where Linear allows them. */
export interface IssueChanges {
  readonly title?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly stateId?: string | null | undefined;
  readonly assigneeId?: string | null | undefined;
  readonly delegateId?: string | null | undefined;
  readonly parentId?: string | null | undefined;
  readonly projectId?: string | null | undefined;
  readonly priority?: number | null | undefined;
  readonly estimate?: number | null | undefined;
  readonly dueDate?: string | null | undefined;
  readonly sortOrder?: number | null | undefined;
  readonly labelIds?: readonly string[] | null | undefined;
  readonly addedLabelIds?: readonly string[] | null | undefined;
  readonly removedLabelIds?: readonly string[] | null | undefined;
}

/**
 * Changes an issue. Delegating it to the agent opens a session; taking it away ends the agent's mandate.
 * @throws GraphQLError when something named does not exist, or the delegate is no agent
 */
export function updateIssue(world: World, issue: IssueRow, changes: IssueChanges, actor: Actor): IssueRow {
  const updates = resolveChanges(world, issue, changes);
  const { updatedAt } = issue;
  const before = world.store.update('Issue', issue, updates);
  if (Object.keys(before).length === 0) return issue;
  if (actor.user.id === world.app.id) noteWrite(world, issue.id, 'issueUpdate', actor.arrivedAt);
  sendIssueEvent(world, 'update', issue, actor.user, { updatedAt, ...before });
  world.journal.add('issue', { change: 'updated', by: actor.user.name, fields: Object.keys(before), issue: issueView(world, issue) });
  if ('delegateId' in before) delegateChanged(world, issue, before['delegateId'], actor);
  else if ('stateId' in before && issue.delegateId === world.app.id && actor.user.id !== world.app.id)
    sendNotification(world, { kind: 'IssueStatusChanged', issue, actor: actor.user });
  return issue;
}

function delegateChanged(world: World, issue: IssueRow, before: unknown, actor: Actor): void {
  const { app } = world;
  // The agent that makes itself the delegate is already at work.
  if (actor.user.id === app.id) return;
  if (issue.delegateId === app.id) {
    sendNotification(world, { kind: 'IssueAssignedToYou', issue, actor: actor.user });
    openSession(world, { issue, creator: actor.user });
  } else if (before === app.id) {
    const live = world.store.where('AgentSession', 'issueId', issue.id).filter((session) => !session.endedAt);
    const marks = live.map((session) => markStopped(world, session, 'unassigned'));
    const acknowledged = (): void => {
      for (const mark of marks) mark();
    };
    sendNotification(world, { kind: 'IssueUnassignedFromYou', issue, actor: actor.user, acknowledged });
  }
}

type Columns = Partial<Omit<IssueRow, 'id' | '__typename' | 'seq' | 'createdAt' | 'updatedAt' | 'archivedAt'>>;

function resolveChanges(world: World, issue: IssueRow, changes: IssueChanges): Columns {
  const { store } = world;
  const {
    addedLabelIds,
    removedLabelIds,
    labelIds,
    assigneeId,
    delegateId,
    stateId,
    parentId,
    projectId,
    title,
    priority,
    sortOrder,
    ...plain
  } = changes;
  const assignee = assigneeId ? store.get('User', assigneeId) : undefined;
  // Assigning an issue to an app sets its delegate and leaves the assignee.
  const delegate = assignee?.app ? assignee : delegateId ? store.get('User', delegateId) : undefined;
  if (delegate && !delegate.app) throw invalidInput('Argument Validation Error', 'The delegate must be an agent.');
  const labels = new Set(labelIds ?? issue.labelIds);
  for (const id of addedLabelIds ?? []) labels.add(store.get('IssueLabel', id).id);
  for (const id of removedLabelIds ?? []) labels.delete(id);
  for (const id of labels) store.get('IssueLabel', id);
  return {
    ...plain,
    ...(title ? { title } : {}),
    ...(priority === undefined || priority === null ? {} : { priority, priorityLabel: priorityLabel(priority) }),
    ...(typeof sortOrder === 'number' ? { sortOrder } : {}),
    ...(stateId ? moved(store.get('WorkflowState', stateId), issue) : {}),
    ...(parentId === undefined ? {} : { parentId: parentId && store.get('Issue', parentId).id }),
    ...(projectId === undefined ? {} : { projectId: projectId && store.get('Project', projectId).id }),
    ...(assigneeId === undefined || assignee?.app ? {} : { assigneeId: assigneeId && (assignee?.id ?? null) }),
    ...(delegate ? { delegateId: delegate.id } : delegateId === null ? { delegateId: null } : {}),
    labelIds: [...labels],
  } as Columns;
}

function moved(state: WorkflowStateRow, issue: IssueRow): Columns {
  if (state.teamId !== issue.teamId) throw invalidInput('Argument Validation Error', 'The state belongs to another team.');
  const now = new Date().toISOString();
  return {
    stateId: state.id,
    startedAt: state.type === 'started' ? (issue.startedAt ?? now) : issue.startedAt,
    completedAt: state.type === 'completed' ? now : null,
    canceledAt: state.type === 'canceled' ? now : null,
  };
}
