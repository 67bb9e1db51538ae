import { randomBytes } from 'node:crypto';
import { insertComment } from '../comments/insert.ts';
import { sessionView } from '../control/views.ts';
import type { AgentSessionRow, CommentRow, ExternalLink, IssueRow, UserRow } from '../rows/tables.ts';
import { sendCreated } from '../webhooks/events.ts';
import type { World } from '../world.ts';
import { watchForFirstSign, watchForStaleness } from './deadlines.ts';
import { changeLinks } from './links.ts';

export interface Opening {
  readonly issue: IssueRow;
  /** The thread the session runs in; Linear writes a stub of its own where there is none. */
  readonly root?: CommentRow | undefined;
  /** The reply that mentioned the agent. */
  readonly source?: CommentRow | undefined;
  /** The thread before that reply. */
  readonly earlier?: readonly CommentRow[] | undefined;
  /** The person behind it; absent when the agent itself opened the session. */
  readonly creator?: UserRow | undefined;
  readonly externalUrls?: readonly ExternalLink[] | null | undefined;
}

/** Opens an agent session and announces it. Its deadlines start now. */
export function openSession(world: World, opening: Opening): AgentSessionRow {
  const { issue, source, creator } = opening;
  const stub = `This thread is for an agent session with ${world.app.name}.`;
  const root = opening.root ?? insertComment(world, { issueId: issue.id, body: stub }, undefined);
  const slugId = randomBytes(6).toString('hex');
  const session = world.store.insert('AgentSession', {
    appUserId: world.app.id,
    creatorId: creator?.id ?? null,
    issueId: issue.id,
    commentId: root.id,
    sourceCommentId: source?.id ?? null,
    status: 'pending',
    type: 'commentThread',
    plan: null,
    summary: null,
    externalLinks: [],
    externalUrls: [],
    externalLink: null,
    context: {},
    slugId,
    url: `${issue.url}#agent-session-${slugId}`,
    startedAt: null,
    endedAt: null,
    dismissedAt: null,
    dismissedById: null,
  });
  changeLinks(world, session, { externalUrls: opening.externalUrls ?? [] });
  if (creator) world.sessions.of(session.id).prompts++;
  if (creator || world.options.announceOwnSessions) sendCreated(world, session, issue, opening.earlier);
  watchForFirstSign(world, session);
  watchForStaleness(world, session);
  world.journal.add('session', { session: sessionView(world, session) });
  return session;
}
