import { z } from 'zod';
import { milliseconds } from './pieces.ts';

/** Working copies of repositories: how they are made ready, how their work is kept, when their space is taken back. */
export interface CheckoutsConfig {
  /** How many new checkouts of a repository's base branch wait ready; 0: none. */
  readonly pool: number;
  /** A repository without a task for this long has none waiting. */
  readonly poolIdleDays: number;
  /** How often the work of a running agent is saved; 0: only at its end. */
  readonly saveEveryMs: number;
  /** For mirrors, checkouts and waiting checkouts together; absent: as much as the disk has. */
  readonly maxDiskGb?: number;
  /** For one clone or fetch. */
  readonly fetchTimeoutMs: number;
  /** Saved work of ended tasks that is on the remote. */
  readonly keepWipDays: number;
  /** Saved work of ended tasks that is nowhere else. */
  readonly keepUnpushedDays: number;
  /** Mirrors of repositories that are configured no more, and large files that no branch begins at, after nobody used them for so long. */
  readonly keepUnusedDays: number;
  /** Conversations of issues on which nothing is under way. */
  readonly keepConversationDays: number;
}

const days = z.number().int().min(0).max(10_000);

export const checkouts: z.ZodType<CheckoutsConfig> = z.object({
  pool: z.number().int().min(0).max(10).default(1).describe('How many new checkouts of a repository wait ready. 0: none'),
  poolIdleDays: days.default(7).describe('A repository without a task for so many days has none waiting'),
  saveEveryMs: z
    .union([z.literal(0), milliseconds])
    .default(180_000)
    .describe("How often a running agent's work is saved. 0: only at its end"),
  maxDiskGb: z.number().positive().exactOptional().describe('For mirrors and checkouts together. Absent: as much as the disk has'),
  fetchTimeoutMs: milliseconds.default(7_200_000).describe('For one clone or fetch'),
  keepWipDays: days.default(14).describe('How long saved work of ended tasks is kept that is on the remote'),
  keepUnpushedDays: days.default(90).describe('How long saved work of ended tasks is kept that is nowhere else'),
  keepUnusedDays: days
    .default(30)
    .describe('How long mirrors are kept of repositories that are configured no more, and large files (Git LFS) of earlier commits'),
  keepConversationDays: days.default(30).describe('How long conversations of issues are kept on which nothing is under way'),
});

/** A name that is neither `.` nor `..`, begins with nothing that git's patterns or options do, and holds no wildcard. */
const name = String.raw`(?!\.{1,2}(?:/|$))[\p{L}\p{N}_@+.][\p{L}\p{N}_@+. \-]*`;

/** Directories a repository's checkouts are limited to. */
export const sparse: z.ZodType<readonly string[]> = z
  .array(
    z
      .string()
      .regex(
        new RegExp(`^${name}(?:/${name})*$`, 'u'),
        'a directory of the repository such as "packages/app": no "/" at either end, no wildcards',
      ),
  )
  .min(1);
