import type { Queryable } from '../pool.ts';

export interface HostSeen {
  readonly id: string;
  readonly bootId: string;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: number;
  readonly heartbeatAt: number;
}

/** The host that was heard of last. */
export async function findLatestHost(tx: Queryable): Promise<HostSeen | undefined> {
  const { rows } = await tx.query<HostSeen>(
    `select id, boot_id as "bootId", pid, version, started_at as "startedAt", heartbeat_at as "heartbeatAt"
       from cyrus.host order by heartbeat_at desc limit 1`,
  );
  return rows[0];
}
