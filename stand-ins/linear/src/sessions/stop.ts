import type { AgentActivityRow, AgentSessionRow } from '../rows/tables.ts';
import type { World } from '../world.ts';
import type { Stop } from './state.ts';

/** Marks a session as told to end. The returned function is called when the agent has acknowledged it. */
export function markStopped(world: World, session: AgentSessionRow, reason: Stop['reason']): () => void {
  const stop: Stop = { reason, at: Date.now() };
  world.sessions.of(session.id).stop = stop;
  return () => {
    stop.deliveredAt ??= Date.now();
  };
}

/** After a stop was acknowledged, one response or error confirms it; anything else is a violation. */
export function noteActivity(world: World, session: AgentSessionRow, activity: AgentActivityRow, arrivedAt: number): void {
  const stop = acknowledged(world, session, arrivedAt);
  if (!stop) return;
  const final = activity.content.type === 'response' || activity.content.type === 'error';
  if (final && !stop.answeredBy) stop.answeredBy = activity.id;
  else
    world.violations.add({
      kind: 'activity_after_stop',
      session: session.id,
      issue: session.issueId,
      detail: { reason: stop.reason, activity: activity.id, type: activity.content.type, afterMs: arrivedAt - (stop.deliveredAt ?? 0) },
    });
}

/** A write of the agent to an issue whose newest session was stopped is a violation too. */
export function noteWrite(world: World, issueId: string | null, what: string, arrivedAt: number): void {
  const session = issueId ? world.store.where('AgentSession', 'issueId', issueId).at(-1) : undefined;
  const stop = session && acknowledged(world, session, arrivedAt);
  if (!stop) return;
  const detail = { reason: stop.reason, write: what, afterMs: arrivedAt - (stop.deliveredAt ?? 0) };
  world.violations.add({ kind: 'write_after_stop', session: session.id, issue: issueId, detail });
}

function acknowledged(world: World, session: AgentSessionRow, arrivedAt: number): Stop | undefined {
  const stop = world.sessions.of(session.id).stop;
  return stop?.deliveredAt !== undefined && arrivedAt > stop.deliveredAt ? stop : undefined;
}
