import { type OutboundDraft, priority } from 'cyrus-core/domain/effects';
import type { Answer } from 'cyrus-core/domain/session';

/** Where an activity goes: a session with an open turn. */
export interface Listener {
  readonly sessionId: string;
  readonly source: string;
  readonly workspace: string;
  readonly turnId: string;
}

export const credentialOf = (session: { readonly source: string; readonly workspace: string }): string =>
  session.source === 'linear' ? `linear:${session.workspace}` : session.source;

function draft(to: Listener, key: string, order: number, kind: string, payload: Record<string, unknown>, planId?: string): OutboundDraft {
  return {
    key: `${key}:${to.sessionId}`,
    credential: credentialOf(to),
    lane: `session:${to.sessionId}`,
    priority: order,
    kind,
    payload: { kind, ...payload },
    sessionId: to.sessionId,
    turnId: to.turnId,
    ...(planId ? { planId } : {}),
  };
}

export function thought(to: Listener, key: string, body: string, planId?: string, ephemeral = false): OutboundDraft {
  const payload = { sessionId: to.sessionId, content: { type: 'thought', body }, ephemeral };
  return draft(to, key, priority.thought, 'activity', payload, planId);
}

export function action(to: Listener, key: string, name: string, parameter: string, planId: string, result?: string): OutboundDraft {
  const content = { type: 'action', action: name, parameter, ...(result === undefined ? {} : { result }) };
  const payload = { sessionId: to.sessionId, content, ephemeral: result === undefined };
  return draft(to, key, priority.action, 'activity', payload, planId);
}

export function acknowledgement(to: Listener, body: string): OutboundDraft {
  const payload = { sessionId: to.sessionId, content: { type: 'thought', body }, ephemeral: false };
  return { ...draft(to, `turn:${to.turnId}:ack`, priority.acknowledgement, 'activity', payload), key: `turn:${to.turnId}:ack` };
}

/** The one closing answer of a turn; leaves even after a stop. */
export function closing(to: Listener, answer: Answer): OutboundDraft {
  const select = answer.options ? { signal: 'select', signalMetadata: { options: answer.options } } : {};
  const payload = { sessionId: to.sessionId, content: { type: answer.kind, body: answer.body }, ...select };
  return { ...draft(to, `turn:${to.turnId}:close`, priority.closing, 'activity', payload), key: `turn:${to.turnId}:close`, closing: true };
}

export type ChecklistStatus = 'pending' | 'inProgress' | 'completed' | 'canceled';

export function checklist(
  to: Listener,
  key: string,
  items: readonly { readonly content: string; readonly status: ChecklistStatus }[],
  planId: string,
): OutboundDraft {
  return draft(to, key, priority.checklist, 'checklist', { sessionId: to.sessionId, items }, planId);
}

export function externalUrls(
  to: Listener,
  key: string,
  urls: readonly { readonly label: string; readonly url: string }[],
  planId: string,
): OutboundDraft {
  return draft(to, key, priority.checklist, 'externalUrls', { sessionId: to.sessionId, urls }, planId);
}

export function issueState(to: Listener, key: string, issueId: string, stateId: string, planId?: string): OutboundDraft {
  return draft(to, key, priority.state, 'issueState', { issueId, stateId }, planId);
}

export function delegate(to: Listener, key: string, issueId: string, userId: string, planId?: string): OutboundDraft {
  return draft(to, key, priority.state, 'delegate', { issueId, userId }, planId);
}

export function attachment(to: Listener, key: string, issueId: string, title: string, url: string, planId: string): OutboundDraft {
  return draft(to, key, priority.checklist, 'attachment', { issueId, title, url }, planId);
}
