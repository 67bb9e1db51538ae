import type { Instant } from 'cyrus-core/clock';
import type { AttemptKey } from 'cyrus-executor-interface/executor';
import { z } from 'zod';
import type { CodegenRun } from './payload.ts';

/** What we write on a run when it is created: all that is known of it after a restart. */
export interface RunNotes {
  readonly attempt: string;
  readonly number: number;
  /** When it is to be over. */
  readonly deadline: Instant;
  readonly model?: string | undefined;
}

const shape: z.ZodType<RunNotes> = z.object({
  attempt: z.string(),
  number: z.number(),
  deadline: z.number(),
  model: z.string().optional(),
});

/** The `metadata` of a run: under a name of our own, beside whatever else there is. */
export const metadataOf = (notes: RunNotes): Readonly<Record<string, unknown>> => ({ cyrus: notes });

/** Undefined for runs of others. */
export function notesOf(run: CodegenRun): RunNotes | undefined {
  const parsed = shape.safeParse(run.metadata?.['cyrus']);
  return parsed.success ? parsed.data : undefined;
}

export const isOf = (run: CodegenRun, key: AttemptKey): boolean => {
  const notes = notesOf(run);
  return notes?.attempt === key.attemptId && notes.number === key.number;
};
