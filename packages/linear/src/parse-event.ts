import { z } from 'zod';
import { cleanJson, cleanLine, cleanText } from './clean.ts';
import {
  type Actor,
  type EventComment,
  type EventIssue,
  type Guidance,
  type IssueFacts,
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

const person = z
  .object({ id, name: name.nullish(), email: z.string().nullish() })
  .transform((user): Person => ({ id: user.id, name: user.name || 'someone', ...(user.email ? { email: user.email } : {}) }));
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
    team: z.object({ id: id.nullish(), key: name.nullish() }).nullish(),
  })
  .transform(
    (raw): EventIssue => ({
      id: raw.id,
      identifier: raw.identifier,
      title: raw.title ?? '',
      description: raw.description ?? '',
      url: raw.url ?? null,
      teamKey: raw.team?.key ?? null,
      teamId: raw.team?.id ?? null,
    }),
  );
const guidance = z.object({
  body: text,
  origin: z.object({ team: z.object({ id: id.nullish(), parentId: id.nullish(), name: name.nullish() }).nullish() }).nullish(),
});
type RawGuidance = z.output<typeof guidance>;

/** An integration has no name of its own but its service's. */
const actor = z
  .object({ id: id.nullish(), type: z.string().nullish(), name: name.nullish(), service: name.nullish() })
  .transform((raw): Actor | null => {
    const kind = raw.type === 'integration' || raw.service ? 'integration' : /^oauthclient$/i.test(raw.type ?? '') ? 'app' : 'user';
    return { kind, id: raw.id ?? 'unknown', name: raw.name || raw.service || 'someone' };
  })
  .nullish()
  .catch(null);

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
    sourceCommentId: id.nullish(),
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

const optional = <T extends z.ZodType>(type: T): z.ZodCatch<z.ZodOptional<T>> => type.optional().catch(undefined);
const reference = z.object({ id, name: name.nullish() });

const issueEvent = z.object({
  organizationId: id,
  createdAt: z.string().nullish(),
  data: z.looseObject({
    id,
    identifier: name,
    title: optional(title),
    description: optional(text.nullable()),
    url: optional(name),
    state: optional(z.object({ id, name, type: name })),
    labels: optional(z.array(z.object({ name }))),
    team: optional(z.object({ id, key: name })),
    project: optional(reference.nullable()),
    assigneeId: optional(id.nullable()),
    delegateId: optional(id.nullable()),
    priorityLabel: optional(name),
    updatedAt: name.nullish(),
    archivedAt: z.unknown().optional(),
    trashed: z.unknown().optional(),
  }),
  updatedFrom: z.record(z.string(), z.unknown()).nullish(),
  actor,
});

const notificationEvent = z.object({
  organizationId: id,
  appUserId: id,
  createdAt: z.string().nullish(),
  notification: z.object({ id: id.nullish(), issueId: id.nullish(), issue: z.object({ id }).nullish(), actor: person.nullish() }),
});

const permissionEvent = z.object({
  organizationId: id,
  appUserId: id,
  createdAt: z.string().nullish(),
  canAccessAllPublicTeams: z.boolean().catch(false),
  addedTeamIds: z.array(id).catch([]),
  removedTeamIds: z.array(id).catch([]),
});

const revokedEvent = z.object({ organizationId: id, createdAt: z.string().nullish(), oauthClientId: id.nullish() });

/** Notices that need no act of ours, because another event tells the same. */
const toldOtherwise: Readonly<Record<string, string>> = {
  issueMention: 'a session was opened for it',
  issueCommentMention: 'a session was opened for it',
  issueAssignedToYou: 'a session was opened for it',
  issueNewComment: 'what is said in a session comes as a prompt; other comments are read with the issue',
  issueStatusChanged: 'the change of the issue comes by itself',
};

type Body = Readonly<Record<string, unknown>>;

/** Reads a verified webhook body. Unknown fields are passed over, unknown values of enumerations are absent; texts come out clean. */
export function parseEvent(body: Body): LinearEvent {
  const type = typeof body['type'] === 'string' ? body['type'] : 'nothing named';
  const action = typeof body['action'] === 'string' ? body['action'] : 'none';
  switch (type) {
    case 'AgentSessionEvent':
      return read(sessionEvent, body, type, sessionOf);
    case 'Issue':
      if (action === 'update') return read(issueEvent, body, type, issueUpdateOf);
      return action === 'remove' ? read(issueEvent, body, type, issueRemovalOf) : ignored(`Issue ${action}`);
    case 'AppUserNotification':
      return action === 'issueUnassignedFromYou'
        ? read(notificationEvent, body, type, unassignedOf)
        : ignored(`AppUserNotification ${action}: ${toldOtherwise[action] ?? 'asks for nothing'}`);
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
  if (!session.issue) {
    const author = activity?.user?.id ?? activity?.userId;
    return {
      type: 'session-without-issue',
      ...facts,
      ...(activity ? { activityId: activity.id } : {}),
      ...(author ? { authorId: author } : {}),
    };
  }
  const comment = requestOf(body);
  const saidAt = Date.parse(body.createdAt ?? '');
  const context = {
    ...facts,
    ...(comment ? { comment } : {}),
    ...(Number.isNaN(saidAt) ? {} : { saidAt }),
    issue: session.issue,
    guidance: nearestFirst(body.guidance ?? [], session.issue.teamId),
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

/**
 * The comment that asks: the root of the thread, or, where the agent was mentioned in a reply, that reply. The reply itself does
 * not come, only its place in Linear's own summary: the last of the thread that the summary calls primary.
 */
function requestOf({ agentSession: session, promptContext }: z.output<typeof sessionEvent>): EventComment | undefined {
  const { comment: root, sourceCommentId: reply } = session;
  if (reply && reply !== root?.id) {
    const said = lastOfPrimaryThread(promptContext ?? '');
    // Whoever mentions the agent opens the session.
    if (said) return { id: reply, body: said, userId: session.creator?.id ?? null };
  }
  return root && !isStubComment(root.body) ? root : undefined;
}

function lastOfPrimaryThread(summary: string): string | undefined {
  const thread = /<primary-directive-thread\b[^>]*>([\s\S]*?)<\/primary-directive-thread>/.exec(summary)?.[1];
  const last = [...(thread ?? '').matchAll(/<comment\b[^>]*>([\s\S]*?)<\/comment>/g)].at(-1)?.[1];
  const characters: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", '#39': "'", amp: '&' };
  return last?.replace(/&(lt|gt|quot|apos|#39|amp);/g, (whole, name: string) => characters[name] ?? whole).trim() || undefined;
}

/** The issue's own team, the team above it, and so on, other teams, the workspace. */
function nearestFirst(all: readonly RawGuidance[], teamId: string | null): Guidance[] {
  const teams = all.flatMap(({ origin }) => origin?.team ?? []);
  const above: (string | null | undefined)[] = [];
  for (let at: string | null | undefined = teamId; at && !above.includes(at); at = teams.find((team) => team.id === at)?.parentId)
    above.push(at);
  const distance = ({ origin }: RawGuidance): number => {
    if (!origin?.team) return Number.POSITIVE_INFINITY;
    const at = above.indexOf(origin.team.id);
    return at < 0 ? above.length : at;
  };
  return [...all]
    .sort((a, b) => (distance(a) === distance(b) ? 0 : distance(a) - distance(b)))
    .map(({ body, origin }) => {
      if (!origin?.team) return { body, origin: 'organization' };
      return { body, origin: 'team', ...(origin.team.name ? { teamName: origin.team.name } : {}) };
    });
}

function instantOf(text: string | null | undefined): { readonly at?: number } {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? {} : { at };
}

function issueUpdateOf(body: z.output<typeof issueEvent>): LinearEvent {
  const { data, updatedFrom } = body;
  const about = { workspaceId: body.organizationId, issueId: data.id, identifier: data.identifier, actor: body.actor ?? null };
  const hidden = (column: 'archivedAt' | 'trashed'): boolean => !!data[column] && column in (updatedFrom ?? {});
  if (hidden('archivedAt') || hidden('trashed')) return { type: 'issue-removed', ...about, ...instantOf(data.updatedAt ?? body.createdAt) };
  const before = Object.entries(updatedFrom ?? {}).filter(([key]) => key !== 'updatedAt');
  const changes = before.map(([key, from]) => [cleanLine(key, maxName), { from: cleanJson(from), to: cleanJson(data[key] ?? null) }]);
  return {
    type: 'issue-updated',
    ...about,
    changes: Object.fromEntries(changes) as Record<string, { from: unknown; to: unknown }>,
    facts: factsOf(data),
    updatedAt: data.updatedAt ?? null,
  };
}

function factsOf(data: z.output<typeof issueEvent>['data']): IssueFacts {
  const { identifier, title, description, url, state, labels, team, project, assigneeId, delegateId, priorityLabel } = data;
  return {
    identifier,
    ...(title === undefined ? {} : { title }),
    // Linear sends an empty description as null.
    ...(description === undefined ? {} : { description: description ?? '' }),
    ...(url === undefined ? {} : { url }),
    ...(state === undefined ? {} : { state }),
    ...(labels === undefined ? {} : { labels: labels.map((label) => label.name) }),
    ...(team === undefined ? {} : { team }),
    ...(project === undefined ? {} : { project: project && { id: project.id, name: project.name ?? '' } }),
    ...(assigneeId === undefined ? {} : { assigneeId }),
    ...(delegateId === undefined ? {} : { delegateId }),
    ...(priorityLabel === undefined ? {} : { priority: priorityLabel === 'No priority' ? null : priorityLabel }),
  };
}

function issueRemovalOf(body: z.output<typeof issueEvent>): LinearEvent {
  const { data, organizationId, actor, createdAt } = body;
  return {
    type: 'issue-removed',
    workspaceId: organizationId,
    issueId: data.id,
    identifier: data.identifier,
    actor: actor ?? null,
    ...instantOf(createdAt),
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
    ...instantOf(body.createdAt),
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
    ...instantOf(body.createdAt),
  };
}

function revokedOf(body: z.output<typeof revokedEvent>): LinearEvent {
  return { type: 'revoked', workspaceId: body.organizationId, oauthClientId: body.oauthClientId ?? null, ...instantOf(body.createdAt) };
}
