import { insertComment } from '../comments/insert.ts';
import type { AgentActivityRow, AgentSessionRow, CommentRow } from '../rows/tables.ts';
import { sendPrompted } from '../webhooks/events.ts';
import type { Actor, World } from '../world.ts';
import { insertActivity } from './activities.ts';
import { checkContent } from './content.ts';
import { markStopped } from './stop.ts';

export interface Prompt {
  readonly body: string;
  readonly stop?: boolean;
  /** The comment that said it; written here when absent. */
  readonly comment?: CommentRow;
}

/** What a person says in a session, or their stop. Sends `prompted`. */
export function addPrompt(world: World, session: AgentSessionRow, prompt: Prompt, actor: Actor): AgentActivityRow {
  const comment =
    prompt.comment ?? insertComment(world, { issueId: session.issueId, parentId: session.commentId, body: prompt.body }, actor.user);
  const input = { content: { type: 'prompt', body: prompt.body }, signal: prompt.stop ? 'stop' : null, sourceCommentId: comment.id };
  const content = checkContent(input, 'person');
  const activity = insertActivity(world, session, { ...input, content }, actor);
  const state = world.sessions.of(session.id);
  state.prompts++;
  if (prompt.stop) sendPrompted(world, session, activity, markStopped(world, session, 'stop'));
  else {
    delete state.stop;
    sendPrompted(world, session, activity);
  }
  return activity;
}
