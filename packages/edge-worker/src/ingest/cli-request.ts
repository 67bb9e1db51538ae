import { createHash } from 'node:crypto';
import type { Arrival } from 'cyrus-store/queries/inbox-insert';
import type { Request } from './accept.ts';
import { storableText } from './storable-json.ts';

/** A task given at a terminal, without a tracker. */
export interface CliTask {
  readonly sessionId: string;
  readonly issue: { readonly id: string; readonly identifier: string; readonly title: string; readonly description: string };
  readonly workspace: string;
  readonly body: string;
  readonly author: string;
}

export interface CliSaying {
  readonly body: string;
  readonly signal?: 'stop' | 'pause' | 'resume';
  readonly author: string;
  /** Names the message, so that sending it again is harmless. */
  readonly id?: string;
}

interface Taken {
  readonly arrival: Arrival;
  readonly request: Request;
}

export function submitArrival(task: CliTask): Taken {
  const { issue } = task;
  const text = {
    title: storableText(issue.title),
    description: storableText(issue.description),
    body: storableText(task.body),
    author: storableText(task.author),
  };
  return {
    arrival: arrivalOf('task', `created:${task.sessionId}`, {
      ...task,
      ...text,
      issue: { ...issue, title: text.title, description: text.description },
    }),
    request: {
      kind: 'message',
      opens: true,
      session: {
        id: task.sessionId,
        source: 'cli',
        workspace: task.workspace,
        issue: { id: issue.id, identifier: issue.identifier, title: text.title, description: text.description, url: null },
        context: {},
      },
      saying: { activityId: null, authorId: null, authorName: text.author, body: text.body, signal: null },
    },
  };
}

export function sayArrival(sessionId: string, saying: CliSaying, id: string): Taken {
  const body = storableText(saying.body);
  const author = storableText(saying.author);
  const signal = saying.signal ?? null;
  return {
    arrival: arrivalOf('message', `prompted:${sessionId}:${id}`, { sessionId, id, body, author, signal }),
    request: { kind: 'say', sessionId, saying: { activityId: id, authorId: null, authorName: author, body, signal } },
  };
}

function arrivalOf(event: string, eventKey: string, body: Readonly<Record<string, unknown>>): Arrival {
  const text = JSON.stringify(body);
  return {
    source: 'cli',
    bodySha256: createHash('sha256').update(`${eventKey}\n${text}`).digest('hex'),
    deliveryId: null,
    eventKey,
    event,
    body: text,
  };
}
