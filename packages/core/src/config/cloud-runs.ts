import { z } from 'zod';

/** How long Cyrus waits for what a cloud executor may tell late. */
export interface CloudRunsConfig {
  /** A start without an answer: how long its run is looked for before another one is started. */
  readonly lookForMs: number;
  /** After that: how long the late run is looked for, to be stopped. */
  readonly lateRunMs: number;
  /** A run that has ended: how long its branch and its pull request may take to appear. */
  readonly branchWaitMs: number;
}

const upTo = (most: number, byDefault: number): z.ZodType<number> => z.number().int().min(100).max(most).default(byDefault);

export const cloudRuns: z.ZodType<CloudRunsConfig> = z.object({
  lookForMs: upTo(3_600_000, 60_000).describe(
    'A cloud executor did not answer whether a run began: how long the run is looked for before another one is started',
  ),
  lateRunMs: upTo(24 * 3_600_000, 3_600_000).describe('After that: how long a run that appears late is looked for, to be stopped'),
  branchWaitMs: upTo(3_600_000, 180_000).describe('A cloud run has ended: how long its branch or pull request may take to appear'),
});
