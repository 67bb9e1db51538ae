export interface Person {
  readonly id: string;
  readonly name: string;
  /** Absent where Linear does not tell it. */
  readonly email?: string;
}

/** The part of an issue that comes with a webhook. State, labels, assignee and delegate do not: read them. */
export interface EventIssue {
  readonly id: string;
  readonly identifier: string;
  readonly title: string;
  readonly description: string;
  readonly url: string | null;
  readonly teamKey: string | null;
  readonly teamId: string | null;
}

export interface EventComment {
  readonly id: string;
  readonly body: string;
  readonly userId: string | null;
}

/** Who or what did something. */
export interface Actor extends Person {
  /** `integration`: another service that is joined to Linear, as a code host that closes issues of merged pull requests. */
  readonly kind: 'user' | 'app' | 'integration';
}

/** What an event about an issue tells of it as it is now; what it does not tell is absent. */
export interface IssueFacts {
  readonly identifier: string;
  readonly title?: string;
  readonly description?: string;
  readonly url?: string;
  readonly state?: { readonly id: string; readonly name: string; readonly type: string };
  readonly labels?: readonly string[];
  readonly team?: { readonly id: string; readonly key: string };
  readonly project?: { readonly id: string; readonly name: string } | null;
  readonly assigneeId?: string | null;
  readonly delegateId?: string | null;
  readonly priority?: string | null;
}

/** Standing orders for agents: those of a team come before those of the whole workspace. */
export interface Guidance {
  readonly body: string;
  readonly origin: 'organization' | 'team';
  readonly teamName?: string;
}

interface SessionFacts {
  /** Linear's organisation id. */
  readonly workspaceId: string;
  readonly sessionId: string;
  readonly appUserId: string;
  /** Null when an automation started the session. */
  readonly creator: Person | null;
  /** The request itself where a person mentioned the agent; never the stub comment that Linear writes on delegation. */
  readonly comment?: EventComment;
  readonly guidance: readonly Guidance[];
  readonly previousComments: readonly EventComment[];
  /** When it was said, by Linear's clock in epoch milliseconds; a delivery may come much later. Absent: not told. */
  readonly saidAt?: number;
  /** Linear's own summary of issue, project and threads, marked up; null where none came. */
  readonly promptContext: string | null;
}

export interface SessionCreated extends SessionFacts {
  readonly type: 'session-created';
  readonly issue: EventIssue;
}

export type PromptSignal = 'stop' | 'continue' | 'auth' | 'select';

export interface SessionPrompted extends SessionFacts {
  readonly type: 'session-prompted';
  readonly issue: EventIssue;
  readonly activityId: string;
  readonly body: string;
  readonly signal?: PromptSignal;
  readonly author: Person;
}

/** Everything a webhook can tell us, closed. What Linear adds later arrives as `ignored`. */
export type LinearEvent =
  | SessionCreated
  | SessionPrompted
  /** A session that hangs on no issue (a document, a project): it is owed an answer all the same. */
  | {
      readonly type: 'session-without-issue';
      readonly workspaceId: string;
      readonly sessionId: string;
      readonly appUserId: string;
      readonly creator: Person | null;
      /** The message that told of it; absent when it was the session's creation. */
      readonly activityId?: string;
      /** Who wrote that message. */
      readonly authorId?: string;
    }
  | {
      readonly type: 'issue-updated';
      readonly workspaceId: string;
      readonly issueId: string;
      readonly identifier: string;
      /** The values before and after, by the names of Linear's columns. */
      readonly changes: Readonly<Record<string, { readonly from: unknown; readonly to: unknown }>>;
      readonly facts: IssueFacts;
      readonly actor: Actor | null;
      /** When, by Linear's clock, as an ISO 8601 instant. */
      readonly updatedAt: string | null;
    }
  /** Deleted for good, or put where deleted things wait. */
  | {
      readonly type: 'issue-removed';
      readonly workspaceId: string;
      readonly issueId: string;
      readonly identifier: string;
      readonly actor: Actor | null;
      /** By Linear's clock, in epoch milliseconds. */
      readonly at?: number;
    }
  | {
      readonly type: 'unassigned';
      readonly workspaceId: string;
      readonly issueId: string;
      readonly notificationId: string | null;
      readonly actor: Person | null;
      readonly appUserId: string;
      /** By Linear's clock, in epoch milliseconds. */
      readonly at?: number;
    }
  | {
      readonly type: 'permission-changed';
      readonly workspaceId: string;
      readonly appUserId: string;
      readonly canAccessAllPublicTeams: boolean;
      readonly addedTeamIds: readonly string[];
      readonly removedTeamIds: readonly string[];
      /** By Linear's clock, in epoch milliseconds. */
      readonly at?: number;
    }
  /** The workspace removed the app: its tokens are dead. */
  | {
      readonly type: 'revoked';
      readonly workspaceId: string;
      readonly oauthClientId: string | null;
      /** By Linear's clock, in epoch milliseconds. */
      readonly at?: number;
    }
  | { readonly type: 'ignored'; readonly why: string };

/**
 * What stays the same when Linear tells the same thing in another delivery, with other bytes.
 * Undefined where only the delivery id and the bytes can tell.
 */
export function eventKey(event: LinearEvent): string | undefined {
  switch (event.type) {
    case 'session-created':
      return `created:${event.sessionId}`;
    case 'session-without-issue':
      return event.activityId ? `prompted:${event.sessionId}:${event.activityId}` : `created:${event.sessionId}`;
    case 'session-prompted':
      return `prompted:${event.sessionId}:${event.activityId}`;
    case 'issue-updated': {
      // Two changes of one millisecond are told apart by what they changed.
      const columns = Object.keys(event.changes).sort().join(',');
      return event.updatedAt ? `updated:${event.issueId}:${event.updatedAt}:${columns}` : undefined;
    }
    case 'issue-removed':
      return event.at === undefined ? undefined : `removed:${event.issueId}:${event.at}`;
    case 'unassigned':
      return event.notificationId ? `unassigned:${event.notificationId}` : undefined;
    default:
      return undefined;
  }
}

/** The root comment Linear itself writes when an issue is delegated; it asks for nothing. */
export function isStubComment(body: string): boolean {
  return /^\s*This thread is for an agent session with\b/i.test(body);
}
