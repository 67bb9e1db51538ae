import { z } from 'zod';

/** What is preferred when an executor fails. */
export interface FallbackConfig {
  /** False: a task that failed does not go on with another executor by itself; a person is asked. */
  readonly allow: boolean;
  /** True: the end of a limit is waited for, up to a day, rather than going on elsewhere. */
  readonly preferWaiting: boolean;
}
export const fallback: z.ZodType<FallbackConfig> = z.object({
  allow: z.boolean().default(true).describe('false: a task that failed does not go on with another executor by itself; a person is asked'),
  preferWaiting: z
    .boolean()
    .default(false)
    .describe('true: the end of a limit is waited for, up to a day, rather than going on with another executor'),
});
