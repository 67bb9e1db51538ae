import type { Config } from 'cyrus-core/config/schema';
import { cleanText } from 'cyrus-linear/clean';
import { eventKey, type LinearEvent, type SessionCreated, type SessionPrompted } from 'cyrus-linear/events';
import type { WebhookSecret } from 'cyrus-linear/webhook';
import type { ArrivedSession } from 'cyrus-store/queries/message-session-create';
import type { Request } from './accept.ts';
import { named } from './issue-events.ts';

/** The secret that belongs to no workspace in particular: one app may be installed in several. */
const anyWorkspace = '*';

/** Every signing secret of the configuration; each may sign for its workspace alone. */
export function webhookSecrets(config: Config): readonly WebhookSecret[] {
  const own = Object.entries(config.linearWorkspaces).flatMap(([id, { webhookSecret }]) =>
    webhookSecret === undefined ? [] : [{ id, secret: webhookSecret }],
  );
  const shared = config.linear.webhookSecret;
  return shared === undefined ? own : [{ id: anyWorkspace, secret: shared }, ...own];
}

/** False when the secret that signed is another workspace's. */
export function maySign(secrets: readonly WebhookSecret[], signedBy: string, event: LinearEvent): boolean {
  if (!('workspaceId' in event)) return true;
  const used = secrets.find(({ id }) => id === signedBy)?.secret;
  return secrets.some(({ id, secret }) => secret === used && (id === anyWorkspace || id === event.workspaceId));
}

/** The event's name in the inbox. */
export function eventName(event: LinearEvent): string {
  return event.type;
}

/** What stays the same when the same thing is told again with other bytes. */
export const keyOf = (event: LinearEvent): string | null => eventKey(event) ?? null;

/** What an event asks of us. */
export function requestOf(event: LinearEvent, config: Config): Request {
  switch (event.type) {
    case 'session-created':
      return {
        kind: 'message',
        opens: true,
        session: sessionOf(event),
        saying: {
          activityId: null,
          authorId: event.comment?.userId ?? event.creator?.id ?? null,
          authorName: event.creator?.name ?? null,
          authorEmail: event.creator?.id === (event.comment?.userId ?? event.creator?.id) ? (event.creator?.email ?? null) : null,
          body: event.comment?.body ?? '',
          signal: null,
          ...(event.saidAt === undefined ? {} : { saidAt: event.saidAt }),
        },
      };
    case 'session-prompted':
      if (event.author.id === event.appUserId) return ignored('said by ourselves');
      return {
        kind: 'message',
        opens: false,
        session: sessionOf(event),
        saying: {
          activityId: event.activityId,
          authorId: event.author.id,
          authorName: event.author.name,
          authorEmail: event.author.email ?? null,
          body: event.body,
          signal: event.signal ?? null,
          ...(event.saidAt === undefined ? {} : { saidAt: event.saidAt }),
        },
      };
    case 'session-without-issue':
      if (event.authorId === event.appUserId) return ignored('said by ourselves');
      return { kind: 'no-issue', sessionId: event.sessionId, workspace: event.workspaceId, activityId: event.activityId ?? null };
    case 'unassigned':
      if (event.actor?.id === event.appUserId) return ignored('unassigned by ourselves');
      return {
        kind: 'issue-ended',
        gone: false,
        end: {
          issueId: event.issueId,
          at: event.at ?? null,
          reason: `${named(event.actor)} took the issue away.`,
          by: { id: event.actor?.id ?? null, name: event.actor?.name ?? null },
          activityId: event.notificationId === null ? null : `unassigned:${event.notificationId}`,
        },
      };
    case 'issue-updated':
      return { kind: 'issue-updated', event, tellEdits: config.issueUpdateTrigger };
    case 'issue-removed': {
      const by = { id: event.actor?.id ?? null, name: event.actor?.name ?? null };
      const reason = event.actor
        ? `${named(event.actor)} deleted or archived the issue.`
        : 'The issue was deleted or archived, or is out of my reach.';
      return { kind: 'issue-ended', gone: true, end: { issueId: event.issueId, at: event.at ?? null, reason, by } };
    }
    case 'permission-changed':
      if (event.removedTeamIds.length === 0) return ignored('access was added, which asks for nothing');
      return { kind: 'access-ended', workspace: event.workspaceId, teamIds: event.removedTeamIds, at: event.at ?? null };
    case 'revoked':
      return { kind: 'revoked', workspace: event.workspaceId, at: event.at ?? null };
    case 'ignored':
      return ignored(event.why);
  }
}

function sessionOf(event: SessionCreated | SessionPrompted): ArrivedSession {
  const { issue } = event;
  return {
    id: event.sessionId,
    source: 'linear',
    workspace: event.workspaceId,
    issue: { id: issue.id, identifier: issue.identifier, title: issue.title, description: issue.description, url: issue.url },
    context: {
      appUserId: event.appUserId,
      ...(event.guidance.length > 0 ? { guidance: event.guidance.map(({ body }) => body) } : {}),
      ...(event.promptContext === null ? {} : { promptContext: event.promptContext }),
      ...(event.previousComments.length > 0 ? { previousComments: event.previousComments } : {}),
    },
  };
}

function ignored(reason: string): Request {
  return { kind: 'ignored', reason: cleanText(reason) };
}
