import { invalidInput } from '../errors.ts';
import type { CommentRow } from '../rows/tables.ts';
import { openSession } from '../sessions/open.ts';
import { addPrompt } from '../sessions/prompt.ts';
import { noteWrite } from '../sessions/stop.ts';
import { sendNotification } from '../webhooks/events.ts';
import type { Actor, World } from '../world.ts';
import { type CommentInput, insertComment } from './insert.ts';

/**
 * A comment of a person or the agent. A person's mention of the agent opens a session on that thread; a person's reply in
 * the thread of a session is a prompt to it.
 * @throws GraphQLError when issue or parent do not exist, or the chosen id does
 */
export function createComment(world: World, input: CommentInput, actor: Actor): CommentRow {
  const { store, app } = world;
  const parent = input.parentId ? store.get('Comment', input.parentId) : undefined;
  const issueId = input.issueId ?? parent?.issueId;
  if (!issueId) throw invalidInput('Argument Validation Error', 'One of issueId or parentId must be set.');
  const issue = store.get('Issue', issueId);
  const root = parent?.parentId ?? parent?.id ?? null;
  const earlier = root ? [store.get('Comment', root), ...store.where('Comment', 'parentId', root)] : undefined;
  const comment = insertComment(world, { ...input, issueId: issue.id, parentId: root }, actor.user);
  if (actor.user.id === app.id) {
    noteWrite(world, issue.id, 'commentCreate', actor.arrivedAt);
    return comment;
  }
  const running = root ? store.where('AgentSession', 'commentId', root).at(-1) : undefined;
  const mentioned = mentions(comment.body, app.displayName);
  if (running && !running.dismissedAt) addPrompt(world, running, { body: comment.body, comment }, actor);
  else if (mentioned)
    openSession(world, { issue, root: earlier?.[0] ?? comment, source: root ? comment : undefined, earlier, creator: actor.user });
  if (mentioned) sendNotification(world, { kind: 'IssueCommentMention', issue, actor: actor.user, comment });
  else if (issue.delegateId === app.id && !running) sendNotification(world, { kind: 'IssueNewComment', issue, actor: actor.user, comment });
  return comment;
}

function mentions(body: string, displayName: string): boolean {
  return new RegExp(`(^|[^\\w@])@${displayName}\\b`, 'i').test(body);
}
