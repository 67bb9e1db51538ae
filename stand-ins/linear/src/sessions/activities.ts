import { insertComment } from '../comments/insert.ts';
import { activityView } from '../control/views.ts';
import type { AgentActivityRow, AgentSessionRow } from '../rows/tables.ts';
import type { Actor, World } from '../world.ts';
import { type ActivityInput, checkContent } from './content.ts';
import { watchForStaleness } from './deadlines.ts';
import { statusAfter } from './status.ts';
import { noteActivity } from './stop.ts';

const closing: ReadonlySet<string> = new Set(['response', 'elicitation', 'error']);

/**
 * Adds what the agent did. A closing activity also becomes a comment of the thread; an ephemeral one lasts until the next.
 * @throws GraphQLError INPUT_ERROR for a shape Linear refuses or an id that exists
 */
export function addAgentActivity(world: World, session: AgentSessionRow, input: ActivityInput, actor: Actor): AgentActivityRow {
  const content = checkContent(input, 'agent');
  const replaced = world.store
    .where('AgentActivity', 'agentSessionId', session.id)
    .filter((activity) => activity.ephemeral && !activity.archivedAt);
  const activity = insertActivity(world, session, { ...input, content }, actor);
  for (const earlier of replaced) world.store.archive(earlier);
  const state = world.sessions.of(session.id);
  state.unresponsive = false;
  noteActivity(world, session, activity, actor.arrivedAt);
  if (!closing.has(content.type)) return activity;
  state.closings++;
  insertComment(world, { issueId: session.issueId, parentId: session.commentId, body: String(content['body']) }, actor.user);
  return activity;
}

/** Writes an activity of anybody and moves the session's status. */
export function insertActivity(world: World, session: AgentSessionRow, input: ActivityInput, actor: Actor): AgentActivityRow {
  const content = input.content as AgentActivityRow['content'];
  const activity = world.store.insert('AgentActivity', {
    id: input.id ?? undefined,
    agentSessionId: session.id,
    type: content.type,
    userId: actor.user.id,
    content,
    ephemeral: input.ephemeral ?? false,
    signal: input.signal ?? null,
    signalMetadata: (input.signalMetadata as AgentActivityRow['signalMetadata']) ?? null,
    sourceCommentId: input.sourceCommentId ?? null,
    queued: false,
  });
  const status = statusAfter({ type: content.type, signal: activity.signal }, session.status, world.options.showStopping);
  const ended = status === 'complete' || status === 'error';
  world.store.update('AgentSession', session, {
    status,
    startedAt: session.startedAt ?? (content.type === 'prompt' ? null : activity.createdAt),
    endedAt: ended ? activity.createdAt : null,
  });
  watchForStaleness(world, session);
  const issue = world.store.find('Issue', session.issueId)?.identifier ?? null;
  world.journal.add('activity', { session: session.id, issue, status, activity: activityView(world, activity) });
  return activity;
}
