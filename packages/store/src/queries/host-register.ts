import type { Queryable } from '../pool.ts';

/** A machine that runs host jobs, in one run of its service. */
export interface HostRow {
  readonly id: string;
  /** Changes at every start; fences what an earlier process writes. */
  readonly bootId: string;
  readonly pid: number;
  readonly isolation: string;
  readonly slots: number;
  readonly memoryMb: number;
  readonly version: string;
}

/** Writes the host's row for this boot. From here on nothing an earlier boot writes about its jobs is taken. */
export async function registerHost(tx: Queryable, host: HostRow): Promise<void> {
  await tx.query(
    `insert into cyrus.host (id, boot_id, pid, isolation, slots, memory_mb, version, started_at, heartbeat_at, draining)
     select $1, $2, $3, $4, $5, $6, $7, now.at, now.at, false
       from (select coalesce($8::timestamptz, clock_timestamp()) as at) as now
     on conflict (id) do update set boot_id = excluded.boot_id, pid = excluded.pid, isolation = excluded.isolation,
       slots = excluded.slots, memory_mb = excluded.memory_mb, version = excluded.version,
       started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at, draining = false`,
    [host.id, host.bootId, host.pid, host.isolation, host.slots, host.memoryMb, host.version, tx.manualNow()],
  );
}
