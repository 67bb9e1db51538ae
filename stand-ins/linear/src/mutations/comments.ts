import { createComment } from '../comments/create.ts';
import { linearError } from '../errors.ts';
import type { CommentRow } from '../rows/tables.ts';
import { sendCommentEvent } from '../webhooks/events.ts';
import type { Actor, World } from '../world.ts';
import { type LinearDocument as L, type Mutation, modelled } from './mutation.ts';

export const commentCreate: Mutation<L.MutationCommentCreateArgs> = (world, { input }, actor) => {
  const fields = modelled('CommentCreateInput', input, ['id', 'issueId', 'parentId', 'body', 'quotedText', 'doNotSubscribeToIssue']);
  const { id, issueId, parentId, body, quotedText } = fields;
  return { comment: createComment(world, { id, issueId: issueId ?? null, parentId, body: body ?? '', quotedText }, actor) };
};

export const commentUpdate: Mutation<L.MutationCommentUpdateArgs> = (world, { id, input }, actor) => {
  const comment = ownComment(world, id, actor);
  const { body } = modelled('CommentUpdateInput', input, ['body']);
  const before = world.store.update('Comment', comment, { body: body ?? comment.body, editedAt: new Date().toISOString() });
  if ('body' in before) sendCommentEvent(world, 'update', comment, actor.user, before);
  return { comment };
};

export const commentDelete: Mutation<L.MutationCommentDeleteArgs> = (world, { id }, actor) => {
  const comment = ownComment(world, id, actor);
  world.store.remove('Comment', comment.id);
  sendCommentEvent(world, 'remove', comment, actor.user);
  return { entityId: comment.id };
};

export const reactionCreate: Mutation<L.MutationReactionCreateArgs> = (world, { input }, actor) => {
  const { id, emoji, commentId, issueId } = modelled('ReactionCreateInput', input, ['id', 'emoji', 'commentId', 'issueId']);
  const comment = commentId ? world.store.get('Comment', commentId).id : null;
  const issue = issueId ? world.store.get('Issue', issueId).id : null;
  return {
    reaction: world.store.insert('Reaction', { id: id ?? undefined, emoji, userId: actor.user.id, commentId: comment, issueId: issue }),
  };
};

function ownComment(world: World, id: string, actor: Actor): CommentRow {
  const comment = world.store.get('Comment', id);
  if (comment.userId !== actor.user.id) throw linearError('FORBIDDEN', 'Only the author may change a comment');
  return comment;
}
