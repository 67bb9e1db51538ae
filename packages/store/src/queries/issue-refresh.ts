import type { IssueDetails } from 'cyrus-core/domain/issue';
import { type Tx, toTimestamp } from '../pool.ts';

export interface IssueRefresh {
  readonly id: string;
  readonly identifier: string;
  readonly title: string;
  readonly description: string;
  readonly url: string | null;
  /** What is known better now; goes into details that were read before. */
  readonly details: Partial<IssueDetails>;
  /** As of when, by the tracker's clock in epoch milliseconds; null: not told. */
  readonly changedAt: number | null;
}

/** Writes what an event tells of an issue, whose row the caller has locked. */
export async function refreshIssue(tx: Tx, issue: IssueRefresh): Promise<void> {
  await tx.query(
    `update cyrus.issue set identifier = $2, title = $3, description = $4, url = coalesce($5, url), details = details || $6::jsonb,
       changed_at = greatest(changed_at, $7::timestamptz)
     where id = $1`,
    [
      issue.id,
      issue.identifier,
      issue.title,
      issue.description,
      issue.url,
      JSON.stringify(issue.details),
      issue.changedAt === null ? null : toTimestamp(issue.changedAt),
    ],
  );
}
