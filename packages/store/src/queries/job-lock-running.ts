import type { Tx } from '../pool.ts';
import { type HostJob, hostJobColumns } from './job-row.ts';

/** Those of the jobs that this boot has running, locked: none of them ends before the transaction does. */
export async function lockRunningJobs(tx: Tx, bootId: string, ids: readonly string[]): Promise<readonly HostJob[]> {
  const { rows } = await tx.query<HostJob>(
    `select ${hostJobColumns} from cyrus.host_job j where j.state = 'running' and j.boot_id = $1 and j.id = any($2) order by j.id for update`,
    [bootId, ids],
  );
  return rows;
}
