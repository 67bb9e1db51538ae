import type { Instant } from '../clock.ts';

export interface Session {
  readonly id: string;
  readonly source: string;
  readonly workspace: string;
  readonly issueId: string;
  readonly context: SessionContext;
  /** Messages numbered up to here have been decided on. */
  readonly readSeq: number;
  readonly planId: string | null;
  readonly issueJob: string | null;
  readonly lastWriteAt: Instant | null;
}

export interface SessionContext {
  readonly guidance?: readonly string[];
  readonly appUserId?: string;
}

export interface Message {
  readonly seq: number;
  readonly turnId: string;
  readonly authorName: string | null;
  readonly body: string;
  readonly signal: string | null;
  /** The tracker's id of who wrote it; null where an automation did. */
  readonly authorId: string | null;
  readonly authorEmail: string | null;
  readonly at: Instant;
}

export interface Turn {
  readonly id: string;
  readonly openedAt: Instant;
  /** `message:N`, or what else owes an answer, such as `unparked`. */
  readonly openedBy: string;
}

/** The three ways a turn's one answer may be given. */
export type AnswerKind = 'response' | 'elicitation' | 'error';

export interface Answer {
  readonly kind: AnswerKind;
  readonly body: string;
  /** What one may choose from, of an elicitation. A free answer is always possible. */
  readonly options?: readonly AnswerOption[];
}

export interface AnswerOption {
  readonly label: string;
  readonly value: string;
}
