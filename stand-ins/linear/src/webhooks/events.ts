import type { AgentActivityRow, AgentSessionRow, CommentRow, IssueRow, UserRow } from '../rows/tables.ts';
import { promptContext } from '../sessions/prompt-context.ts';
import type { World } from '../world.ts';
import { activityPayload, commentChild, commentPayload, describedIssueChild, issuePayload, sessionPayload, userChild } from './payloads.ts';

type Acknowledged = () => void;
const oauthClientId = 'local-client';

/** `AgentSessionEvent` created. @param previous the thread before a mention in a reply */
export function sendCreated(world: World, session: AgentSessionRow, issue: IssueRow, previous?: readonly CommentRow[]): void {
  const team = world.store.get('Team', issue.teamId);
  const { id, key, name, displayName, parentId } = team;
  const origin = { type: 'Team', team: { id, key, name, displayName, parentId } };
  sendSessionEvent(world, session, 'created', {
    promptContext: promptContext(world, issue, session),
    guidance: world.options.guidance.map((body) => ({ body, origin })),
    previousComments: previous?.map(commentChild) ?? null,
  });
}

/** `AgentSessionEvent` prompted: what a person said or asked for in the session. */
export function sendPrompted(world: World, session: AgentSessionRow, activity: AgentActivityRow, acknowledged?: Acknowledged): void {
  sendSessionEvent(world, session, 'prompted', { agentActivity: activityPayload(world, activity) }, acknowledged);
}

function sendSessionEvent(
  world: World,
  session: AgentSessionRow,
  action: string,
  fields: Readonly<Record<string, unknown>>,
  acknowledged?: Acknowledged,
): void {
  world.webhooks.send({
    type: 'AgentSessionEvent',
    action,
    contract: 'AgentSessionEventWebhookPayload',
    fields: { oauthClientId, appUserId: session.appUserId, agentSession: sessionPayload(world, session), ...fields },
    session: session.id,
    acknowledged,
  });
}

export interface Notice {
  /** `IssueUnassignedFromYou`; the action is the same in lower camel case. */
  readonly kind: string;
  readonly issue: IssueRow;
  readonly actor: UserRow;
  readonly comment?: CommentRow;
  readonly acknowledged?: Acknowledged;
}

/** `AppUserNotification`: what lands in the agent's inbox. */
export function sendNotification(world: World, { kind, issue, actor, comment, acknowledged }: Notice): void {
  const action = kind.charAt(0).toLowerCase() + kind.slice(1);
  const row = world.store.insert('IssueNotification', { type: action, userId: world.app.id, issueId: issue.id, actorId: actor.id });
  const parent = world.store.find('Comment', comment?.parentId);
  const aboutComment = comment && {
    commentId: comment.id,
    comment: commentChild(comment),
    parentCommentId: comment.parentId,
    parentComment: parent ? commentChild(parent) : null,
  };
  const notification = {
    id: row.id,
    type: action,
    userId: world.app.id,
    issueId: issue.id,
    issue: describedIssueChild(world, issue),
    actorId: actor.id,
    actor: userChild(actor),
    externalUserActorId: null,
    ...aboutComment,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    archivedAt: null,
  };
  world.webhooks.send({
    type: 'AppUserNotification',
    action,
    contract: 'AppUserNotificationWebhookPayload',
    fields: { oauthClientId, appUserId: world.app.id, notification },
    acknowledged,
  });
}

/** A data event of an issue. @param updatedFrom the changed columns with their former values */
export function sendIssueEvent(
  world: World,
  action: 'create' | 'update' | 'remove',
  issue: IssueRow,
  actor: UserRow,
  updatedFrom?: Readonly<Record<string, unknown>>,
): void {
  sendDataEvent(world, 'Issue', action, issuePayload(world, issue), issue.url, actor, updatedFrom);
}

export function sendCommentEvent(
  world: World,
  action: 'create' | 'update' | 'remove',
  comment: CommentRow,
  actor: UserRow | undefined,
  updatedFrom?: Readonly<Record<string, unknown>>,
): void {
  sendDataEvent(world, 'Comment', action, commentPayload(world, comment), comment.url, actor, updatedFrom);
}

function sendDataEvent(
  world: World,
  type: string,
  action: string,
  data: unknown,
  url: string,
  actor: UserRow | undefined,
  updatedFrom?: Readonly<Record<string, unknown>>,
): void {
  world.webhooks.send({
    type,
    action,
    contract: 'EntityWebhookPayload',
    fields: { data, url, actor: actor ? { ...userChild(actor), type: 'user' } : null, ...(updatedFrom ? { updatedFrom } : {}) },
  });
}

/** `PermissionChange`: the agent won or lost access to teams. */
export function sendTeamAccessChanged(world: World, addedTeamIds: readonly string[], removedTeamIds: readonly string[]): void {
  world.webhooks.send({
    type: 'PermissionChange',
    action: 'teamAccessChanged',
    contract: 'AppUserTeamAccessChangedWebhookPayload',
    fields: { oauthClientId, appUserId: world.app.id, canAccessAllPublicTeams: false, addedTeamIds, removedTeamIds },
  });
}

/** `OAuthApp` revoked: the workspace removed the agent. */
export function sendRevoked(world: World): void {
  world.webhooks.send({ type: 'OAuthApp', action: 'revoked', contract: 'OAuthAppWebhookPayload', fields: { oauthClientId } });
}
