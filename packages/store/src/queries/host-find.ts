import type { Queryable } from '../pool.ts';

export interface HostSeen {
  readonly bootId: string;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: number;
  readonly heartbeatAt: number;
}

export async function findHost(tx: Queryable, id: string): Promise<HostSeen | undefined> {
  const { rows } = await tx.query<HostSeen>(
    `select boot_id as "bootId", pid, version, started_at as "startedAt", heartbeat_at as "heartbeatAt" from cyrus.host where id = $1`,
    [id],
  );
  return rows[0];
}
