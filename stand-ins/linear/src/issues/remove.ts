import { issueView } from '../control/views.ts';
import type { IssueRow } from '../rows/tables.ts';
import { deleteSession } from '../sessions/close.ts';
import { sendIssueEvent } from '../webhooks/events.ts';
import type { Actor, World } from '../world.ts';

/** An issue that is gone, with its sessions, comments, attachments and relations: every later use of it is `Entity not found`. */
export function removeIssue(world: World, issue: IssueRow, actor: Actor): void {
  const { store } = world;
  sendIssueEvent(world, 'remove', issue, actor.user);
  world.journal.add('issue', { change: 'removed', by: actor.user.name, issue: issueView(world, issue) });
  for (const session of store.where('AgentSession', 'issueId', issue.id)) deleteSession(world, session);
  for (const comment of store.where('Comment', 'issueId', issue.id)) store.remove('Comment', comment.id);
  for (const attachment of store.where('Attachment', 'issueId', issue.id)) store.remove('Attachment', attachment.id);
  for (const relation of [
    ...store.where('IssueRelation', 'issueId', issue.id),
    ...store.where('IssueRelation', 'relatedIssueId', issue.id),
  ])
    store.remove('IssueRelation', relation.id);
  store.remove('Issue', issue.id);
}

/** An issue that nobody works on any more, but can still be read. */
export function archiveIssue(world: World, issue: IssueRow, actor: Actor): void {
  const { updatedAt } = issue;
  world.store.archive(issue);
  sendIssueEvent(world, 'update', issue, actor.user, { updatedAt, archivedAt: null });
  world.journal.add('issue', { change: 'archived', by: actor.user.name, issue: issueView(world, issue) });
}
