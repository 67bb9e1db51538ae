import { createHmac, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export const secret = 'lin_wh_test_secret';
export const workspace = 'workspace-1';
export const appUserId = 'app-user';

export interface Delivery {
  readonly raw: Buffer;
  readonly headers: IncomingHttpHeaders;
}

/** Signs a body as Linear does. */
export function delivery(body: object | string, overrides: { readonly secret?: string; readonly deliveryId?: string } = {}): Delivery {
  const raw = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    raw,
    headers: {
      'linear-delivery': overrides.deliveryId ?? randomUUID(),
      'linear-event': 'AgentSessionEvent',
      'linear-signature': createHmac('sha256', overrides.secret ?? secret)
        .update(raw)
        .digest('hex'),
    },
  };
}

const ada = { id: 'ada', name: 'Ada', email: 'ada@example.com', url: 'https://linear.app/ada' };

interface SessionFacts {
  readonly session?: string;
  readonly issue?: string;
  readonly title?: string;
  readonly at: number;
}

function envelope(facts: SessionFacts, action: string): Record<string, unknown> {
  const { session = 'session-1', issue = 'issue-1', title = 'Fix it', at } = facts;
  return {
    type: 'AgentSessionEvent',
    action,
    createdAt: new Date(at).toISOString(),
    organizationId: workspace,
    oauthClientId: 'client',
    appUserId,
    webhookId: 'webhook',
    webhookTimestamp: at,
    agentSession: {
      id: session,
      creator: ada,
      issue: {
        id: issue,
        identifier: 'ENG-1',
        title,
        description: 'It is broken.',
        url: 'https://linear.app/x/issue/ENG-1',
        team: { id: 't', key: 'ENG', name: 'Engineering' },
      },
    },
  };
}

/** The body of a session's creation; with `comment` a mention, without one a delegation. */
export function createdBody(facts: SessionFacts & { readonly comment?: string }): Record<string, unknown> {
  const body = envelope(facts, 'created');
  const session = body['agentSession'] as Record<string, unknown>;
  return {
    ...body,
    promptContext: '<issue identifier="ENG-1"/>',
    guidance: [{ body: 'Be kind.', origin: { type: 'Organization' } }],
    agentSession: facts.comment === undefined ? session : { ...session, comment: { id: 'comment-1', body: facts.comment, userId: ada.id } },
  };
}

export function promptedBody(
  facts: SessionFacts & { readonly activity: string; readonly body: string; readonly signal?: string; readonly user?: object },
): Record<string, unknown> {
  return {
    ...envelope(facts, 'prompted'),
    agentActivity: {
      id: facts.activity,
      agentSessionId: facts.session ?? 'session-1',
      content: { type: 'prompt', body: facts.body },
      signal: facts.signal ?? null,
      user: facts.user ?? ada,
      userId: ada.id,
    },
  };
}

export function unassignedBody(facts: {
  readonly issue?: string;
  readonly notification: string;
  readonly at: number;
}): Record<string, unknown> {
  const issue = facts.issue ?? 'issue-1';
  return {
    type: 'AppUserNotification',
    action: 'issueUnassignedFromYou',
    createdAt: new Date(facts.at).toISOString(),
    organizationId: workspace,
    oauthClientId: 'client',
    appUserId,
    webhookTimestamp: facts.at,
    notification: { id: facts.notification, type: 'issueUnassignedFromYou', issueId: issue, actor: ada },
  };
}

export interface IssueChange {
  readonly at: number;
  readonly issue?: string;
  readonly action?: 'update' | 'remove';
  readonly title?: string;
  readonly description?: string | null;
  readonly state?: string;
  readonly delegate?: string | null;
  /** The columns that changed, with what they held. */
  readonly from?: Readonly<Record<string, unknown>>;
  /** By default Ada; null: an automation. */
  readonly actor?: object | null;
}

/** The body of a data event of an issue, as it is after the change. */
export function issueBody(change: IssueChange): Record<string, unknown> {
  const type = change.state ?? 'started';
  return {
    type: 'Issue',
    action: change.action ?? 'update',
    createdAt: new Date(change.at).toISOString(),
    organizationId: workspace,
    webhookId: 'webhook',
    webhookTimestamp: change.at,
    url: 'https://linear.app/x/issue/ENG-1',
    actor: change.actor === undefined ? { ...ada, type: 'user' } : change.actor,
    updatedFrom: { updatedAt: '2026-01-01T00:00:00.000Z', ...change.from },
    data: {
      id: change.issue ?? 'issue-1',
      identifier: 'ENG-1',
      title: change.title ?? 'Fix it',
      description: change.description === undefined ? 'It is broken.' : change.description,
      url: 'https://linear.app/x/issue/ENG-1',
      state: { id: `state-${type}`, name: type === 'completed' ? 'Done' : type, type, color: '#fff' },
      stateId: `state-${type}`,
      labels: [{ id: 'l', name: 'Bug', color: '#fff' }],
      team: { id: 'team-1', key: 'ENG', name: 'Engineering' },
      delegateId: change.delegate === undefined ? appUserId : change.delegate,
      assigneeId: null,
      priorityLabel: 'High',
      updatedAt: new Date(change.at).toISOString(),
    },
  };
}

/** The body of a notice that has to do with the app itself. */
export function appBody(facts: {
  readonly at: number;
  readonly type: 'PermissionChange' | 'OAuthApp';
  readonly removedTeamIds?: readonly string[];
}): Record<string, unknown> {
  return {
    type: facts.type,
    action: facts.type === 'OAuthApp' ? 'revoked' : 'teamAccessChanged',
    createdAt: new Date(facts.at).toISOString(),
    organizationId: workspace,
    oauthClientId: 'client',
    webhookTimestamp: facts.at,
    ...(facts.type === 'OAuthApp'
      ? {}
      : { appUserId, canAccessAllPublicTeams: false, addedTeamIds: [], removedTeamIds: facts.removedTeamIds ?? [] }),
  };
}
