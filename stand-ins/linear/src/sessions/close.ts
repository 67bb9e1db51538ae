import { sessionView } from '../control/views.ts';
import { invalidInput } from '../errors.ts';
import { updateIssue } from '../issues/update.ts';
import type { AgentSessionRow } from '../rows/tables.ts';
import type { Actor, World } from '../world.ts';

/** A person ends a session for good: the agent is no longer the issue's delegate. */
export function dismissSession(world: World, session: AgentSessionRow, actor: Actor): void {
  if (session.dismissedAt) throw invalidInput('Argument Validation Error', 'The session is already dismissed.');
  world.store.update('AgentSession', session, { dismissedAt: new Date().toISOString(), dismissedById: actor.user.id });
  const issue = world.store.find('Issue', session.issueId);
  if (issue?.delegateId === session.appUserId) updateIssue(world, issue, { delegateId: null }, actor);
  world.journal.add('session', { session: sessionView(world, session) });
}

/** A session that is gone, with its activities: every later write to it fails with `Entity not found`. */
export function deleteSession(world: World, session: AgentSessionRow): void {
  for (const activity of world.store.where('AgentActivity', 'agentSessionId', session.id)) world.store.remove('AgentActivity', activity.id);
  world.store.remove('AgentSession', session.id);
  world.sessions.forget(session.id);
}
