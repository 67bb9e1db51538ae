import type { Instant } from '../clock.ts';
import type { Failure } from '../failure.ts';

export type JobKind = 'issue' | 'prepare' | 'setup' | 'agent' | 'collect' | 'verify' | 'merge' | 'cleanup' | 'gc';

/** One write to the outside, wanted. The same `key` decided twice is one write. */
export interface OutboundDraft {
  readonly key: string;
  readonly credential: string;
  readonly lane: string;
  readonly priority: number;
  readonly kind: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly closing?: boolean;
  readonly sessionId?: string;
  readonly turnId?: string;
  readonly planId?: string;
  readonly notify?: string;
}

/** One host job, wanted. The same `key` decided twice is one job. */
export interface JobDraft {
  readonly key: string;
  readonly kind: JobKind;
  readonly notify: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly sessionId?: string;
  readonly planId?: string;
  readonly taskId?: string;
  readonly attemptId?: string;
}

/** A word to another entity, which is woken by it. */
export interface Tell {
  readonly entity: string;
  readonly kind: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface EventDraft {
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly sessionId?: string;
  readonly planId?: string;
  readonly taskId?: string;
  readonly attemptId?: string;
}

/** What a decision wants done besides moving its own rows. */
export interface Effects {
  readonly writes: OutboundDraft[];
  readonly jobs: JobDraft[];
  readonly tells: Tell[];
  readonly wakes: { readonly entity: string; readonly at: Instant }[];
  readonly events: EventDraft[];
}

export const noEffects = (): Effects => ({ writes: [], jobs: [], tells: [], wakes: [], events: [] });

/** One word told to an entity and not yet read by it. */
export interface Input {
  readonly seq: number;
  readonly kind: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** The payload of a `job` input. */
export interface JobEnd {
  readonly jobId: string;
  readonly kind: JobKind;
  readonly state: 'done' | 'failed' | 'killed' | 'lost';
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly failure: Failure | null;
}

/** The payload of a `write` input. */
export interface WriteEnd {
  readonly writeId: string;
  readonly key: string;
  readonly kind: string;
  readonly state: 'sent' | 'rejected';
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly failure: Failure | null;
}

/** Among the heads of lanes, the lower goes first. */
export const priority = { acknowledgement: 0, closing: 1, state: 2, checklist: 3, action: 4, thought: 5, heartbeat: 6 } as const;
