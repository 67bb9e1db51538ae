import { commentView } from '../control/views.ts';
import type { CommentRow, UserRow } from '../rows/tables.ts';
import { sendCommentEvent } from '../webhooks/events.ts';
import type { World } from '../world.ts';

export interface CommentInput {
  readonly id?: string | null | undefined;
  readonly issueId: string | null;
  readonly parentId?: string | null | undefined;
  readonly body: string;
  readonly quotedText?: string | null | undefined;
}

/** Writes a comment and tells about it, without any reaction to what it says. @param author `undefined` for Linear itself */
export function insertComment(world: World, input: CommentInput, author: UserRow | undefined): CommentRow {
  const issue = world.store.find('Issue', input.issueId);
  const comment = world.store.insert('Comment', {
    id: input.id ?? undefined,
    body: input.body,
    url: '',
    issueId: issue?.id ?? null,
    parentId: input.parentId ?? null,
    userId: author?.id ?? null,
    editedAt: null,
    quotedText: input.quotedText ?? null,
    isArtificialAgentSessionRoot: author === undefined,
  });
  comment.url = `${issue?.url ?? `https://linear.app/${world.organization.urlKey}`}#comment-${comment.id.slice(0, 8)}`;
  sendCommentEvent(world, 'create', comment, author);
  world.journal.add('comment', { issue: issue?.identifier ?? null, comment: commentView(world, comment) });
  return comment;
}
