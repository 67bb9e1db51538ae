import { z } from 'zod';

/** Looking for what no webhook told of. */
export interface ReconcileConfig {
  /** 0: never. */
  readonly everyMs: number;
}
export const reconcile: z.ZodType<ReconcileConfig> = z.object({
  everyMs: z
    .number()
    .int()
    .min(0)
    .max(24 * 3_600_000)
    .default(300_000)
    .describe('How often Cyrus asks Linear for what no webhook told of; once at every start as well. 0: never'),
});

/** How long what is over is kept, in days. Money is kept for ever. */
export interface RetentionConfig {
  readonly arrivalsDays: number;
  readonly messagesDays: number;
  readonly writesDays: number;
  readonly jobsDays: number;
  readonly eventsDays: number;
}
const days = (byDefault: number, least: number, what: string): z.ZodType<number> =>
  z.number().min(least).max(3_650).default(byDefault).describe(what);

/** Linear repeats a webhook for seven hours; whoever replays one later than this many days is taken at their word. */
const leastArrivalDays = 2;
export const retention: z.ZodType<RetentionConfig> = z.object({
  arrivalsDays: days(30, leastArrivalDays, 'Webhooks that came in; one that comes again within these days is known'),
  messagesDays: days(7, 0, 'What parts of Cyrus told each other and have read'),
  writesDays: days(30, 1, 'What was sent to Linear and GitHub'),
  jobsDays: days(30, 1, 'Jobs of this host that ended'),
  eventsDays: days(90, 1, 'What agents said and did in tasks that ended: what `cyrus logs` shows'),
});

export interface LogFilesConfig {
  readonly maxMb: number;
  readonly files: number;
}
export const logFiles: z.ZodType<LogFilesConfig> = z.object({
  maxMb: z.number().min(0.1).max(10_000).default(20).describe('How large the log file gets before a new one is begun'),
  files: z.number().int().min(1).max(1_000).default(5).describe('How many log files there are at most, the current one included'),
});

export const minFreeDiskMb: z.ZodType<number> = z
  .number()
  .min(0)
  .max(100_000_000)
  .default(1_024)
  .describe('With less free space than this where Cyrus keeps its data, no new work begins. 0: no limit');
