import { randomUUID } from 'node:crypto';
import type { Database } from 'cyrus-store/pool';

export interface WriteRow {
  readonly key: string;
  readonly credential?: string;
  readonly lane?: string;
  readonly priority?: number;
  readonly kind?: string;
  readonly payload?: Readonly<Record<string, unknown>>;
  readonly state?: string;
  readonly closing?: boolean;
  readonly sessionId?: string;
  readonly turnId?: string;
  readonly planId?: string;
  readonly notify?: string;
}

/** Puts a write into the outbox as any part of the service would. Resolves with its id. */
export async function insertWrite(db: Database, row: WriteRow): Promise<string> {
  const id = randomUUID();
  await db.query(
    `insert into cyrus.outbound_write (id, key, credential, lane, priority, kind, payload, state, closing, session_id, turn_id, plan_id, notify)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    [
      id,
      row.key,
      row.credential ?? 'test',
      row.lane ?? 'lane',
      row.priority ?? 5,
      row.kind ?? 'activity',
      JSON.stringify(row.payload ?? {}),
      row.state ?? 'queued',
      row.closing ?? false,
      row.sessionId ?? null,
      row.turnId ?? null,
      row.planId ?? null,
      row.notify ?? null,
    ],
  );
  return id;
}

/** A thought for a session of Linear. */
export function thoughtRow(sessionId: string, workspace: string, body: string): WriteRow {
  return {
    key: `thought ${body}`,
    credential: `linear:${workspace}`,
    lane: `session:${sessionId}`,
    payload: { kind: 'activity', sessionId, content: { type: 'thought', body } },
    sessionId,
  };
}

export async function statesByKey(db: Database): Promise<Record<string, string>> {
  const { rows } = await db.query<{ key: string; state: string }>('select key, state from cyrus.outbound_write order by seq');
  return Object.fromEntries(rows.map(({ key, state }) => [key, state]));
}
