import { z } from 'zod';
import { cleanJson, cleanLine, cleanText } from './clean.ts';
import {
  type EventComment,
  type EventIssue,
  type Guidance,
  isStubComment,
  type LinearEvent,
  type Person,
  type PromptSignal,
} from './events.ts';

// The shapes are as loose as they can be: only what nothing works without is required. They follow Linear's `*WebhookPayload` types.

const maxTitle = 2000;
const maxName = 300;

const id = z
  .string()
  .min(1)
  .max(200)
  .transform((text) => cleanLine(text, 200));
const text = z.string().transform(cleanText);
const title = z.string().transform((raw) => cleanLine(raw, maxTitle));
const name = z.string().transform((raw) => cleanLine(raw, maxName));

const person = z.object({ id, name: name.nullish() }).transform((user): Person => ({ id: user.id, name: user.name || 'someone' }));
const comment = z
  .object({ id, body: text.nullish(), userId: id.nullish() })
  .transform((raw): EventComment => ({ id: raw.id, body: raw.body ?? '', userId: raw.userId ?? null }));
const issue = z
  .object({
    id,
    identifier: name,
    title: title.nullish(),
    description: text.nullish(),
    url: name.nullish(),
    team: z.object({ key: name.nullish() }).nullish(),
  })
  .transform(
    (raw): EventIssue => ({
      id: raw.id,
      identifier: raw.identifier,
      title: raw.title ?? '',
      description: raw.description ?? '',
      url: raw.url ?? null,
      teamKey: raw.team?.key ?? null,
    }),
  );
const guidance = z
  .object({ body: text, origin: z.object({ type: z.string().nullish(), team: z.object({ name: name.nullish() }).nullish() }).nullish() })
  .transform((raw): Guidance => {
    if (!raw.origin?.team) return { body: raw.body, origin: 'organization' };
    return { body: raw.body, origin: 'team', ...(raw.origin.team.name ? { teamName: raw.origin.team.name } : {}) };
  });

const sessionEvent = z.object({
  action: z.string(),
  organizationId: id,
  appUserId: id,
  promptContext: text.nullish(),
  createdAt: z.string().nullish(),
  guidance: z.array(guidance).nullish(),
  previousComments: z.array(comment).nullish(),
  agentSession: z.object({
    id,
    creator: person.nullish(),
    issue: issue.nullish(),
    comment: comment.nullish(),
  }),
  agentActivity: z
    .object({
      id,
      signal: z.string().nullish(),
      user: person.nullish(),
      userId: id.nullish(),
      content: z.object({ body: text.nullish() }).nullish(),
      body: text.nullish(),
    })
    .nullish(),
});

const issueEvent = z.object({
  organizationId: id,
  data: z.looseObject({ id, identifier: name, state: z.object({ id, name, type: name }).nullish(), updatedAt: name.nullish() }),
  updatedFrom: z.record(z.string(), z.unknown()).nullish(),
  actor: person.nullish().catch(null),
});

const notificationEvent = z.object({
  organizationId: id,
  appUserId: id,
  notification: z.object({ id: id.nullish(), issueId: id.nullish(), issue: z.object({ id }).nullish(), actor: person.nullish() }),
});

const permissionEvent = z.object({
  organizationId: id,
  appUserId: id,
  canAccessAllPublicTeams: z.boolean().catch(false),
  addedTeamIds: z.array(id).catch([]),
  removedTeamIds: z.array(id).catch([]),
});

const revokedEvent = z.object({ organizationId: id, oauthClientId: id.nullish() });

type Body = Readonly<Record<string, unknown>>;

/** Reads a verified webhook body. Unknown fields are passed over, unknown values of enumerations are absent; texts come out clean. */
export function parseEvent(body: Body): LinearEvent {
  const type = typeof body['type'] === 'string' ? body['type'] : 'nothing named';
  const action = typeof body['action'] === 'string' ? body['action'] : 'none';
  switch (type) {
    case 'AgentSessionEvent':
      return read(sessionEvent, body, type, sessionOf);
    case 'Issue':
      return action === 'update' ? read(issueEvent, body, type, issueUpdateOf) : ignored(`Issue ${action}`);
    case 'AppUserNotification':
      return action === 'issueUnassignedFromYou'
        ? read(notificationEvent, body, type, unassignedOf)
        : ignored(`AppUserNotification ${action}`);
    case 'PermissionChange':
      return read(permissionEvent, body, type, permissionOf);
    case 'OAuthApp':
      return action === 'revoked' ? read(revokedEvent, body, type, revokedOf) : ignored(`OAuthApp ${action}`);
    default:
      return ignored(type);
  }
}

function ignored(what: string): LinearEvent {
  return { type: 'ignored', why: cleanLine(what, maxName) };
}

function read<S extends z.ZodType>(schema: S, body: Body, type: string, make: (value: z.output<S>) => LinearEvent): LinearEvent {
  const parsed = schema.safeParse(body);
  if (parsed.success) return make(parsed.data);
  const first = parsed.error.issues[0];
  return ignored(`malformed ${type}: ${first?.path.join('.') || 'body'}: ${first?.message ?? 'unreadable'}`);
}

function sessionOf(body: z.output<typeof sessionEvent>): LinearEvent {
  const { agentSession: session, agentActivity: activity } = body;
  const facts = {
    workspaceId: body.organizationId,
    sessionId: session.id,
    appUserId: body.appUserId,
    creator: session.creator ?? null,
  };
  if (body.action !== 'created' && body.action !== 'prompted') return ignored(`AgentSessionEvent ${body.action}`);
  if (body.action === 'prompted' && !activity) return ignored('malformed AgentSessionEvent: prompted without agentActivity');
  if (!session.issue) return { type: 'session-without-issue', ...facts, ...(activity ? { activityId: activity.id } : {}) };
  const request = session.comment && !isStubComment(session.comment.body) ? { comment: session.comment } : {};
  const saidAt = Date.parse(body.createdAt ?? '');
  const context = {
    ...facts,
    ...request,
    ...(Number.isNaN(saidAt) ? {} : { saidAt }),
    issue: session.issue,
    guidance: nearestFirst(body.guidance ?? []),
    previousComments: (body.previousComments ?? []).filter((earlier) => !isStubComment(earlier.body)),
    promptContext: body.promptContext ?? null,
  };
  if (body.action === 'created' || !activity) return { type: 'session-created', ...context };
  const signal = signals.find((known) => known === activity.signal);
  return {
    type: 'session-prompted',
    ...context,
    activityId: activity.id,
    body: activity.content?.body ?? activity.body ?? '',
    ...(signal ? { signal } : {}),
    author: activity.user ?? { id: activity.userId ?? 'unknown', name: 'someone' },
  };
}

const signals: readonly PromptSignal[] = ['stop', 'continue', 'auth', 'select'];

function nearestFirst(all: readonly Guidance[]): Guidance[] {
  return [...all.filter(({ origin }) => origin === 'team'), ...all.filter(({ origin }) => origin === 'organization')];
}

function issueUpdateOf(body: z.output<typeof issueEvent>): LinearEvent {
  const before = Object.entries(body.updatedFrom ?? {}).filter(([key]) => key !== 'updatedAt');
  const changes = before.map(([key, from]) => [cleanLine(key, maxName), { from: cleanJson(from), to: cleanJson(body.data[key] ?? null) }]);
  return {
    type: 'issue-updated',
    workspaceId: body.organizationId,
    issueId: body.data.id,
    identifier: body.data.identifier,
    changes: Object.fromEntries(changes) as Record<string, { from: unknown; to: unknown }>,
    state: body.data.state ?? null,
    actor: body.actor ?? null,
    updatedAt: body.data.updatedAt ?? null,
  };
}

function unassignedOf(body: z.output<typeof notificationEvent>): LinearEvent {
  const issueId = body.notification.issueId ?? body.notification.issue?.id;
  if (!issueId) return ignored('malformed AppUserNotification: no issue');
  return {
    type: 'unassigned',
    workspaceId: body.organizationId,
    issueId,
    notificationId: body.notification.id ?? null,
    actor: body.notification.actor ?? null,
    appUserId: body.appUserId,
  };
}

function permissionOf(body: z.output<typeof permissionEvent>): LinearEvent {
  return {
    type: 'permission-changed',
    workspaceId: body.organizationId,
    appUserId: body.appUserId,
    canAccessAllPublicTeams: body.canAccessAllPublicTeams,
    addedTeamIds: body.addedTeamIds,
    removedTeamIds: body.removedTeamIds,
  };
}

function revokedOf(body: z.output<typeof revokedEvent>): LinearEvent {
  return { type: 'revoked', workspaceId: body.organizationId, oauthClientId: body.oauthClientId ?? null };
}
