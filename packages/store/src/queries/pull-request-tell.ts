import type { Tx } from '../pool.ts';
import { wake } from '../wake.ts';

/**
 * Tells the plans of a pull request what became of it, and wakes them. Those that know it, or are about to hear of it, are not told.
 * Resolves with how many were.
 */
export async function tellPullRequest(tx: Tx, url: string, state: 'merged' | 'closed'): Promise<number> {
  const { rows } = await tx.query<{ entity: string }>(
    `insert into cyrus.input (entity, kind, payload)
     select 'plan:' || p.id, 'pull_request', jsonb_build_object('url', p.pull_request ->> 'url', 'state', $2::text,
       'newest', not exists (select from cyrus.plan later where later.issue_id = p.issue_id and later.number > p.number))
     from cyrus.plan p
     where p.pull_request ->> 'url' = $1 and coalesce(p.pull_request ->> 'state', 'open') <> $2
       and not exists (select from cyrus.input i where i.entity = 'plan:' || p.id and i.kind = 'pull_request' and i.read_at is null
         and i.payload ->> 'state' = $2)
     returning entity`,
    [url, state],
  );
  await wake(
    tx,
    rows.map(({ entity }) => entity),
  );
  return rows.length;
}
