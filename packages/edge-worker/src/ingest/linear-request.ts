import type { Config } from 'cyrus-core/config/schema';
import { cleanText } from 'cyrus-linear/clean';
import { eventKey, type LinearEvent, type SessionCreated, type SessionPrompted } from 'cyrus-linear/events';
import type { WebhookSecret } from 'cyrus-linear/webhook';
import type { ArrivedSession } from 'cyrus-store/queries/message-session-create';
import type { Request } from './accept.ts';

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
export function requestOf(event: LinearEvent): Request {
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
          body: event.body,
          signal: event.signal ?? null,
          ...(event.saidAt === undefined ? {} : { saidAt: event.saidAt }),
        },
      };
    case 'session-without-issue':
      return { kind: 'no-issue', sessionId: event.sessionId, workspace: event.workspaceId };
    case 'unassigned':
      if (event.actor?.id === event.appUserId) return ignored('unassigned by ourselves');
      return {
        kind: 'unassigned',
        issueId: event.issueId,
        saying: {
          activityId: event.notificationId === null ? null : `unassigned:${event.notificationId}`,
          authorId: event.actor?.id ?? null,
          authorName: event.actor?.name ?? null,
          body: 'The issue was unassigned.',
          signal: 'stop',
        },
      };
    case 'issue-updated':
    case 'permission-changed':
    case 'revoked':
      return ignored(`nothing acts on ${event.type}`);
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
