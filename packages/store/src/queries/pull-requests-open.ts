import { type Queryable, toTimestamp } from '../pool.ts';

export interface OpenPullRequest {
  readonly repositoryId: string;
  readonly number: number;
  readonly url: string;
}

/**
 * The pull requests of plans that are open as far as is known, newest first, each once.
 * @param options.endedAfter plans that ended before it (epoch milliseconds) are passed over; @param options.issueId of this issue alone
 */
export async function openPullRequests(
  db: Queryable,
  options: { readonly endedAfter: number; readonly issueId?: string; readonly limit: number },
): Promise<readonly OpenPullRequest[]> {
  const { rows } = await db.query<OpenPullRequest>(
    `select p.repository_id as "repositoryId", (p.pull_request ->> 'number')::int as number, p.pull_request ->> 'url' as url
     from cyrus.plan p
     where p.pull_request is not null and coalesce(p.pull_request ->> 'state', 'open') = 'open'
       and (p.ended_at is null or p.ended_at >= $1::timestamptz) and ($2::text is null or p.issue_id = $2)
     group by 1, 2, 3 order by max(p.created_at) desc limit $3`,
    [toTimestamp(options.endedAfter), options.issueId ?? null, options.limit],
  );
  return rows;
}
