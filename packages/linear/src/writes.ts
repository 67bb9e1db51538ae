import type { Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import type { LinearClient, Variables } from './client.ts';
import {
  createActivity,
  createAttachment,
  createComment,
  createIssue,
  createRelation,
  findActivity,
  findAttachment,
  findComment,
  findIssue,
  findRelation,
  updateIssue,
  updateSession,
} from './documents.ts';
import type { LinearProblem } from './problem.ts';
import { cutBody } from './text.ts';

/** What an agent may say. `action` without `result` is a call that begins, with it one that ended. */
export type ActivityContent =
  | { readonly type: 'thought' | 'elicitation' | 'response' | 'error'; readonly body: string }
  | { readonly type: 'action'; readonly action: string; readonly parameter: string; readonly result?: string };

export type ActivitySignal = 'auth' | 'select' | 'continue';

export interface ActivityWrite {
  readonly kind: 'activity';
  /** A version 4 UUID of our choice: the same write sent twice is one activity. */
  readonly id: string;
  readonly sessionId: string;
  readonly content: ActivityContent;
  /** Replaced by the next activity; for thoughts and actions only. */
  readonly ephemeral?: boolean;
  /** `select` and `auth` go with an elicitation, `continue` with a response. */
  readonly signal?: ActivitySignal;
  readonly signalMetadata?: Readonly<Record<string, unknown>>;
}

export interface ChecklistItem {
  readonly content: string;
  readonly status: 'pending' | 'inProgress' | 'completed' | 'canceled';
}

/** A write to Linear as data. Every one may be performed twice with the effect of once. */
export type LinearWrite =
  | ActivityWrite
  /** Linear's `plan` of a session, replaced whole. */
  | { readonly kind: 'checklist'; readonly sessionId: string; readonly items: readonly ChecklistItem[] }
  /** The links of a session, replaced whole. */
  | {
      readonly kind: 'externalUrls';
      readonly sessionId: string;
      readonly urls: readonly { readonly label: string; readonly url: string }[];
    }
  | { readonly kind: 'issueState'; readonly issueId: string; readonly stateId: string }
  | { readonly kind: 'comment'; readonly id: string; readonly issueId: string; readonly parentId?: string; readonly body: string }
  /** A sub-issue without assignee or delegate: it gives nobody work by itself. */
  | {
      readonly kind: 'createIssue';
      readonly id: string;
      readonly teamId: string;
      readonly parentId: string;
      readonly title: string;
      readonly description: string;
    }
  | {
      readonly kind: 'relation';
      readonly id: string;
      readonly issueId: string;
      readonly relatedIssueId: string;
      readonly type: 'blocks' | 'related' | 'duplicate';
    }
  /** The agent as delegate of the issue, or nobody; the assignee stays. */
  | { readonly kind: 'delegate'; readonly issueId: string; readonly userId: string | null }
  /** A file that was uploaded, on the issue. */
  | { readonly kind: 'file'; readonly id: string; readonly issueId: string; readonly title: string; readonly url: string }
  /** A link on the issue; the same url again changes the title of the one that is there. */
  | { readonly kind: 'attachment'; readonly issueId: string; readonly title: string; readonly url: string };

export type WriteOutcome =
  | { readonly state: 'sent'; readonly remoteId?: string; readonly identifier?: string; readonly url?: string }
  /** Again later, with the same ids. */
  | { readonly state: 'retry'; readonly failure: Failure; readonly retryAt?: Instant }
  /** Never again. */
  | { readonly state: 'rejected'; readonly failure: Failure };

interface Call {
  readonly document: string;
  readonly variables: Variables;
  /** Where the answer's payload and the entity in it are. */
  readonly payload: string;
  readonly entity: string;
  /** Present where the id is ours: what finds the entity by it. */
  readonly chosen?: { readonly id: string; readonly find: string };
}

/**
 * Performs one write. A lost answer is `retry`: sent again, Linear refuses the id it already has, and that is `sent`.
 * Never throws for what Linear does.
 */
export async function perform(client: LinearClient, write: LinearWrite, signal?: AbortSignal): Promise<WriteOutcome> {
  const call = callOf(write);
  const answer = await client.request(call.document, call.variables, signal);
  if (!answer.ok) return call.chosen ? afterProblem(client, answer.error, call.chosen, signal) : outcomeOf(answer.error);
  const payload = asRecord(answer.value[call.payload]);
  if (payload?.['success'] !== true) {
    return { state: 'rejected', failure: { class: 'invalid_request', message: `Linear did not carry out ${call.payload}` } };
  }
  return sent(asRecord(payload[call.entity]));
}

/** What there is to know of the entity that was made. */
function sent(entity: Readonly<Record<string, unknown>> | undefined): WriteOutcome {
  const known = (field: 'id' | 'identifier' | 'url', as: string) => (typeof entity?.[field] === 'string' ? { [as]: entity[field] } : {});
  return { state: 'sent', ...known('id', 'remoteId'), ...known('identifier', 'identifier'), ...known('url', 'url') };
}

function callOf(write: LinearWrite): Call {
  switch (write.kind) {
    case 'activity':
      return {
        document: createActivity,
        variables: { input: activityInput(write) },
        payload: 'agentActivityCreate',
        entity: 'agentActivity',
        chosen: { id: write.id, find: findActivity },
      };
    case 'comment': {
      const { id, issueId, parentId, body } = write;
      return {
        document: createComment,
        variables: { input: { id, issueId, body: cutBody(body), ...(parentId ? { parentId } : {}) } },
        payload: 'commentCreate',
        entity: 'comment',
        chosen: { id, find: findComment },
      };
    }
    case 'createIssue': {
      const { id, teamId, parentId, title, description } = write;
      return {
        document: createIssue,
        variables: { input: { id, teamId, parentId, title, description: cutBody(description) } },
        payload: 'issueCreate',
        entity: 'issue',
        chosen: { id, find: findIssue },
      };
    }
    case 'relation': {
      const { id, issueId, relatedIssueId, type } = write;
      return {
        document: createRelation,
        variables: { input: { id, issueId, relatedIssueId, type } },
        payload: 'issueRelationCreate',
        entity: 'issueRelation',
        chosen: { id, find: findRelation },
      };
    }
    case 'checklist':
      return sessionCall(write.sessionId, { plan: write.items });
    case 'externalUrls':
      // Linear refuses a url that comes twice; the last label of it stays.
      return sessionCall(write.sessionId, { externalUrls: [...new Map(write.urls.map((link) => [link.url, link])).values()] });
    case 'issueState':
      return issueCall(write.issueId, { stateId: write.stateId });
    case 'delegate':
      return issueCall(write.issueId, { delegateId: write.userId });
    case 'file': {
      const { id, issueId, title, url } = write;
      return {
        document: createAttachment,
        variables: { input: { id, issueId, title, url } },
        payload: 'attachmentCreate',
        entity: 'attachment',
        chosen: { id, find: findAttachment },
      };
    }
    case 'attachment': {
      const { issueId, title, url } = write;
      return {
        document: createAttachment,
        variables: { input: { issueId, title, url } },
        payload: 'attachmentCreate',
        entity: 'attachment',
      };
    }
  }
}

function activityInput({ id, sessionId, content, ephemeral, signal, signalMetadata }: ActivityWrite): Variables {
  return {
    id,
    agentSessionId: sessionId,
    content: cutContent(content),
    // Linear refuses `ephemeral` on anything that ends or asks.
    ...(ephemeral && (content.type === 'thought' || content.type === 'action') ? { ephemeral } : {}),
    ...(signal ? { signal } : {}),
    ...(signalMetadata ? { signalMetadata } : {}),
  };
}

function cutContent(content: ActivityContent): ActivityContent {
  if (content.type !== 'action') return { type: content.type, body: cutBody(content.body) };
  const { type, action, parameter, result } = content;
  return { type, action: cutBody(action), parameter: cutBody(parameter), ...(result === undefined ? {} : { result: cutBody(result) }) };
}

const sessionCall = (id: string, input: Variables): Call => ({
  document: updateSession,
  variables: { id, input },
  payload: 'agentSessionUpdate',
  entity: 'agentSession',
});

const issueCall = (id: string, input: Variables): Call => ({
  document: updateIssue,
  variables: { id, input },
  payload: 'issueUpdate',
  entity: 'issue',
});

/** A refusal because the id exists means that an earlier call arrived. Where the wording leaves doubt, Linear is asked. */
async function afterProblem(
  client: LinearClient,
  problem: LinearProblem,
  chosen: NonNullable<Call['chosen']>,
  signal?: AbortSignal,
): Promise<WriteOutcome> {
  const conflict = problem.said.some((text) => /conflict on insert|already exists|duplicate|unique/i.test(text));
  if (problem.action === 'retry' || !conflict) return outcomeOf(problem);
  // Of an issue more is to be known than its id.
  const isPlain = chosen.find !== findIssue;
  if (isPlain && problem.said.some((text) => text.includes(chosen.id) && /already exists/i.test(text)))
    return { state: 'sent', remoteId: chosen.id };
  const found = await client.request(chosen.find, { id: chosen.id }, signal);
  if (found.ok) return { ...sent(asRecord(found.value['issue'])), state: 'sent', remoteId: chosen.id };
  return outcomeOf(found.error.action === 'retry' ? found.error : problem);
}

export function outcomeOf({ action, failure }: LinearProblem): WriteOutcome {
  if (action === 'rejected') return { state: 'rejected', failure };
  return { state: 'retry', failure, ...(failure.retryAt === undefined ? {} : { retryAt: failure.retryAt }) };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}
