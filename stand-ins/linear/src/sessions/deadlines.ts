import { sessionView } from '../control/views.ts';
import type { AgentSessionRow, SessionStatus } from '../rows/tables.ts';
import type { World } from '../world.ts';

const firstSignMs = 10_000;
const silenceMs = 30 * 60_000;
const waitsForAgent: ReadonlySet<SessionStatus> = new Set(['pending', 'active', 'stopping']);

/** A session without an activity or external URL 10 s after its start is shown as unresponsive. */
export function watchForFirstSign(world: World, session: AgentSessionRow): void {
  world.deadlines.after(firstSignMs, () => {
    if (session.startedAt || session.status !== 'pending' || session.externalLinks.length || !exists(world, session)) return;
    world.sessions.of(session.id).unresponsive = true;
    goStale(world, session, 'no_first_activity');
  });
}

/** A session in which the agent should act becomes stale after 30 min without an activity, and recovers by any new one. */
export function watchForStaleness(world: World, session: AgentSessionRow): void {
  const state = world.sessions.of(session.id);
  state.cancelStale?.();
  state.cancelStale = world.deadlines.after(silenceMs, () => {
    if (waitsForAgent.has(session.status) && exists(world, session)) goStale(world, session, 'silent_30_minutes');
  });
}

function goStale(world: World, session: AgentSessionRow, kind: 'no_first_activity' | 'silent_30_minutes'): void {
  world.store.update('AgentSession', session, { status: 'stale' });
  world.violations.add({ kind, session: session.id, issue: session.issueId });
  world.journal.add('session', { session: sessionView(world, session) });
}

const exists = (world: World, session: AgentSessionRow): boolean => world.store.find('AgentSession', session.id) === session;
