import type { Instant } from 'cyrus-core/clock';
import { err, ok, type Result } from 'cyrus-core/result';
import { z } from 'zod';
import type { LinearClient, Variables } from './client.ts';
import type { LinearEvent } from './events.ts';
import { parseEvent } from './parse-event.ts';
import type { LinearProblem } from './problem.ts';

// What a webhook would have told, asked for instead. Each find is put into the shape of that webhook and read by the same parser.

const session =
  'id status createdAt appUser { id } creator { id name } comment { id body user { id } } sourceComment { id body user { id } } issue { id identifier title description url team { id key } }';

/** The sessions of a workspace, newest first. About 310 points. */
export const recentSessions: string = `
query RecentSessions($after: String) {
  organization { id }
  viewer { id app }
  agentSessions(first: 50, after: $after, orderBy: createdAt) {
    nodes { ${session} }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** What people said in sessions since a time, newest first. About 500 points. */
export const recentPrompts: string = `
query RecentPrompts($since: DateTimeOrDuration!, $after: String) {
  organization { id }
  viewer { id app }
  agentActivities(first: 50, after: $after, orderBy: createdAt, filter: { type: { eq: "prompt" }, createdAt: { gt: $since } }) {
    nodes {
      id createdAt signal user { id name } sourceComment { id }
      content { ... on AgentActivityPromptContent { body } }
      agentSession { ${session} }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** What landed in the agent's inbox about issues taken away from it. About 250 points. */
export const recentUnassignments: string = `
query RecentUnassignments($since: DateTimeOrDuration!, $after: String) {
  organization { id }
  viewer { id app }
  notifications(first: 50, after: $after, filter: { type: { eq: "issueUnassignedFromYou" }, createdAt: { gt: $since } }) {
    nodes {
      id type createdAt actor { id name }
      ... on IssueNotification { issue { id delegate { id } } }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** What the agent itself said in a session since a time: whether somebody has answered there already. */
export const sessionAnswers: string = `
query SessionAnswers($session: String!, $since: DateTimeOrDuration!) {
  agentSession(id: $session) {
    id
    activities(first: 50, filter: { createdAt: { gt: $since } }) { nodes { id user { id } } }
  }
}`;

/** A thing that happened in Linear, as its webhook would have told it. */
export interface Finding {
  readonly event: LinearEvent;
  /** By Linear's clock. */
  readonly at: Instant;
  readonly issueId: string | null;
  readonly sessionId: string | null;
  /** The session's status as Linear shows it now; null where it is about no session. */
  readonly status: string | null;
  /** The body of that webhook, for the inbox. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** What one query over all pages found. */
export interface Findings {
  readonly workspaceId: string;
  /** Whose token it is. */
  readonly appUserId: string;
  /** False: a person's key. Only an app has sessions. */
  readonly isApp: boolean;
  readonly findings: readonly Finding[];
}

const entity = z.object({ id: z.string() });
const head = { organization: entity, viewer: z.object({ id: z.string(), app: z.boolean() }) };
const pageInfo = z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullish() });
const person = z.looseObject({ id: z.string() }).nullish();
const comment = z.object({ id: z.string(), body: z.string().nullish(), user: entity.nullish() }).nullish();
const sessionShape = z.object({
  id: z.string(),
  status: z.string(),
  createdAt: z.string(),
  appUser: entity.nullish(),
  creator: person,
  comment,
  sourceComment: comment,
  issue: z.looseObject({ id: z.string() }).nullish(),
});
type Session = z.output<typeof sessionShape>;
const promptShape = z.object({
  id: z.string(),
  createdAt: z.string(),
  signal: z.string().nullish(),
  user: person,
  sourceComment: entity.nullish(),
  content: z.looseObject({ body: z.string().nullish() }).nullish(),
  agentSession: sessionShape,
});
const noticeShape = z.object({
  id: z.string(),
  type: z.string(),
  createdAt: z.string(),
  actor: person,
  issue: z.object({ id: z.string(), delegate: entity.nullish() }).nullish(),
});
const answersShape = z.object({
  agentSession: z.object({ activities: z.object({ nodes: z.array(z.object({ id: z.string(), user: entity.nullish() })) }) }),
});

/** Newest first there is no end to what came before: so many pages are read, which is more than a day of anybody. */
const mostPages = 40;

/** Sessions of this app that were opened after `since`. */
export function findSessions(client: LinearClient, since: Instant, signal?: AbortSignal): Promise<Result<Findings, LinearProblem>> {
  return readPages({
    client,
    document: recentSessions,
    field: 'agentSessions',
    node: sessionShape,
    variables: {},
    since,
    signal,
    toFinding: (node, { workspaceId, viewerId }) => (node.appUser?.id === viewerId ? created(node, workspaceId) : undefined),
  });
}

/** What people said after `since` in sessions of this app. */
export function findPrompts(client: LinearClient, since: Instant, signal?: AbortSignal): Promise<Result<Findings, LinearProblem>> {
  return readPages({
    client,
    document: recentPrompts,
    field: 'agentActivities',
    node: promptShape,
    variables: { since: new Date(since).toISOString() },
    since,
    signal,
    toFinding(node, { workspaceId, viewerId }) {
      const opened = node.agentSession;
      // The comment that opened a session may be listed as its first prompt.
      const request = node.sourceComment && node.sourceComment.id === (opened.sourceComment ?? opened.comment)?.id;
      return opened.appUser?.id !== viewerId || node.user?.id === viewerId || request ? undefined : prompted(node, workspaceId);
    },
  });
}

/** Issues that were taken from this app after `since` and have not been given back. */
export function findUnassignments(client: LinearClient, since: Instant, signal?: AbortSignal): Promise<Result<Findings, LinearProblem>> {
  return readPages({
    client,
    document: recentUnassignments,
    field: 'notifications',
    node: noticeShape,
    variables: { since: new Date(since).toISOString() },
    since,
    signal,
    toFinding: (node, { workspaceId, viewerId }) =>
      node.issue && node.issue.delegate?.id !== viewerId ? unassigned(node, workspaceId, viewerId) : undefined,
  });
}

/** The activities that this app has in a session since a time, whoever wrote them with its token. */
export async function readAnswers(
  client: LinearClient,
  about: { readonly sessionId: string; readonly since: Instant; readonly appUserId: string },
  signal?: AbortSignal,
): Promise<Result<readonly string[], LinearProblem>> {
  const answer = await client.request(sessionAnswers, { session: about.sessionId, since: new Date(about.since).toISOString() }, signal);
  if (!answer.ok) return answer;
  const parsed = answersShape.safeParse(answer.value);
  if (!parsed.success) return err(otherShape('agentSession'));
  return ok(parsed.data.agentSession.activities.nodes.filter(({ user }) => user?.id === about.appUserId).map(({ id }) => id));
}

type List = { readonly nodes: readonly unknown[]; readonly pageInfo: z.output<typeof pageInfo> };
type Page = { readonly organization: { id: string }; readonly viewer: { id: string; app: boolean }; readonly [field: string]: unknown };

interface Reader {
  readonly workspaceId: string;
  readonly viewerId: string;
}

async function readPages<N extends z.ZodType<{ readonly createdAt: string }>>(query: {
  readonly client: LinearClient;
  readonly document: string;
  readonly field: string;
  readonly node: N;
  readonly variables: Variables;
  readonly since: Instant;
  readonly signal: AbortSignal | undefined;
  readonly toFinding: (node: z.output<N>, reader: Reader) => Finding | undefined;
}): Promise<Result<Findings, LinearProblem>> {
  const { client, field, since } = query;
  const shape = z.object({ ...head, [field]: z.object({ nodes: z.array(z.unknown()), pageInfo }) });
  const findings: Finding[] = [];
  let after: string | null = null;
  for (let page = 0; ; page++) {
    const answer: Result<Variables, LinearProblem> = await client.request(query.document, { ...query.variables, after }, query.signal);
    if (!answer.ok) return answer;
    const parsed = shape.safeParse(answer.value);
    if (!parsed.success) return err(otherShape(field));
    const data = parsed.data as unknown as Page;
    const { organization, viewer } = data;
    const list = data[field] as List;
    const reader = { workspaceId: organization.id, viewerId: viewer.id };
    let older = false;
    for (const raw of list.nodes) {
      // One that does not have its shape is another kind of thing, or one that may not be seen.
      const node = query.node.safeParse(raw);
      if (!node.success) continue;
      if (Date.parse(node.data.createdAt) <= since) older = true;
      else findings.push(...[query.toFinding(node.data, reader)].filter((found) => found !== undefined));
    }
    after = list.pageInfo.endCursor ?? null;
    if (older || !list.pageInfo.hasNextPage || after === null || page + 1 >= mostPages) {
      return ok({ workspaceId: reader.workspaceId, appUserId: reader.viewerId, isApp: viewer.app, findings });
    }
  }
}

function created(node: Session, workspaceId: string): Finding {
  return finding(sessionBody('created', node, workspaceId, node.createdAt), node.createdAt, node);
}

function prompted(node: z.output<typeof promptShape>, workspaceId: string): Finding {
  const activity = {
    id: node.id,
    signal: node.signal ?? null,
    user: node.user ?? null,
    content: { type: 'prompt', body: node.content?.body ?? '' },
  };
  const body = { ...sessionBody('prompted', node.agentSession, workspaceId, node.createdAt), agentActivity: activity };
  return finding(body, node.createdAt, node.agentSession);
}

function unassigned(node: z.output<typeof noticeShape>, workspaceId: string, appUserId: string): Finding {
  const issueId = node.issue?.id ?? null;
  const notification = { id: node.id, type: node.type, issueId, actor: node.actor ?? null };
  const body = {
    type: 'AppUserNotification',
    action: node.type,
    organizationId: workspaceId,
    appUserId,
    createdAt: node.createdAt,
    notification,
  };
  return { ...finding(body, node.createdAt, null), issueId };
}

function sessionBody(action: string, node: Session, workspaceId: string, createdAt: string): Readonly<Record<string, unknown>> {
  // Where a reply mentioned the agent, that reply asks.
  const asked = node.sourceComment ?? node.comment;
  return {
    type: 'AgentSessionEvent',
    action,
    organizationId: workspaceId,
    appUserId: node.appUser?.id,
    createdAt,
    agentSession: {
      id: node.id,
      creator: node.creator ?? null,
      issue: node.issue ?? null,
      comment: asked ? { id: asked.id, body: asked.body, userId: asked.user?.id ?? null } : null,
    },
  };
}

function finding(body: Readonly<Record<string, unknown>>, createdAt: string, node: Session | null): Finding {
  const found = { at: Date.parse(createdAt), issueId: node?.issue?.id ?? null, sessionId: node?.id ?? null, status: node?.status ?? null };
  return { event: parseEvent(body), body, ...found };
}

function otherShape(field: string): LinearProblem {
  const failure = { class: 'invalid_request', message: `Linear sent ${field} of another shape` } as const;
  return { action: 'rejected', failure, said: [] };
}
