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
    organizationId: workspace,
    oauthClientId: 'client',
    appUserId,
    webhookTimestamp: facts.at,
    notification: { id: facts.notification, type: 'issueUnassignedFromYou', issueId: issue, actor: ada },
  };
}
