import { hostname } from 'node:os';
import type { Clock } from 'cyrus-core/clock';
import pg from 'pg';
import type { Log } from './log.ts';
import { ConnectionLost, connectionSettings, type Database, isConnectionError } from './pool.ts';

/** The right to be the only one of a name, in the whole database, as long as a connection lives. */
export interface HeldLock {
  /** False once the connection is gone: another may have it by now. */
  held(): boolean;
  /** Aborts when the connection is lost, at the latest two heartbeats after that; not by `release`. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** Who has a lock, as the database knows it. */
export interface LockHolder {
  /** Application, host and process id as they gave them, e.g. `cyrus service on build-1, pid 4711`. */
  readonly description: string;
  readonly sinceMs: number | null;
}

export type LockOutcome = { readonly held: true; readonly lock: HeldLock } | { readonly held: false; readonly holder: LockHolder };

export interface LockOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly heartbeatMs?: number;
  /** A holder silent for so long is frozen or gone without a word: its connection is ended and the lock taken. */
  readonly staleMs?: number;
}

const marker = ' (lock)';

/**
 * Takes the lock `name` if nobody has it, else says who has. All locks of one `Database` share one connection.
 *
 * A holder that was frozen learns that it lost the lock only when it thaws, so what must never happen twice needs a fence
 * of its own in each write.
 * @throws ConnectionLost
 */
export async function holdLock(db: Database, name: string, options: LockOptions): Promise<LockOutcome> {
  let session = sessions.get(db);
  if (!session || session.over()) {
    session = openSession(db, options, () => sessions.delete(db));
    sessions.set(db, session);
  }
  return session.take(name);
}

interface LockSession {
  over(): boolean;
  take(name: string): Promise<LockOutcome>;
}

const sessions = new WeakMap<Database, LockSession>();

function openSession(db: Database, options: LockOptions, onOver: () => void): LockSession {
  const { clock, log, heartbeatMs = 2_000, staleMs = 30_000 } = options;
  const self = `${db.applicationName} on ${hostname()}, pid ${process.pid}`;
  const client = new pg.Client({
    ...connectionSettings({ connection: db.connection, applicationName: fitName(self), statementTimeoutMs: Math.max(1_000, heartbeatMs) }),
    query_timeout: Math.max(1_000, heartbeatMs) * 2,
  });
  const locks = new Map<string, AbortController>();
  const ended = new AbortController();
  let users = 0;

  const end = (error?: unknown): void => {
    if (ended.signal.aborted) return;
    ended.abort();
    onOver();
    if (locks.size > 0) log.warn({ locks: [...locks.keys()], error: String(error) }, 'the connection that holds locks was lost');
    for (const lost of locks.values()) lost.abort();
    locks.clear();
    client.end().catch(() => undefined);
  };
  client.on('error', end);
  client.on('end', end);

  // One statement at a time on the connection.
  let last: Promise<unknown> = Promise.resolve();

  async function query<Row extends pg.QueryResultRow>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    try {
      const result = last.then(() => client.query<Row>(sql, parameters));
      last = result.catch(() => undefined);
      return (await result).rows;
    } catch (error) {
      if (!isConnectionError(error)) throw error;
      end(error);
      throw new ConnectionLost(error);
    }
  }

  const connected = client.connect().catch((error: unknown) => {
    end(error);
    throw isConnectionError(error) ? new ConnectionLost(error) : error;
  });

  async function beat(): Promise<void> {
    while (!ended.signal.aborted) {
      await clock.sleep(heartbeatMs, ended.signal);
      if (!ended.signal.aborted) await query('select 1').catch(end);
    }
  }
  connected.then(beat, () => undefined);

  async function tryOnce(name: string): Promise<boolean> {
    const rows = await query<{ locked: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as locked', [name]);
    return rows[0]?.locked === true;
  }

  async function findHolder(name: string): Promise<(LockHolder & { pid: number; stale: boolean }) | undefined> {
    const rows = await query<{ pid: number; application: string; since: number | null; stale: boolean }>(
      `select a.pid, a.application_name as application, a.backend_start as since,
              a.application_name like '%' || $2 and a.state_change < clock_timestamp() - $3 * interval '1 millisecond' as stale
         from pg_locks l join pg_stat_activity a using (pid), hashtextextended($1, 0) as key
        where l.locktype = 'advisory' and l.granted and l.objsubid = 1
          and l.database = (select oid from pg_database where datname = current_database())
          and l.classid::bigint = (key >> 32) & 4294967295 and l.objid::bigint = key & 4294967295`,
      [name, marker, staleMs],
    );
    const row = rows[0];
    return row && { pid: row.pid, stale: row.stale, sinceMs: row.since, description: row.application.replace(marker, '') };
  }

  function lockOf(name: string, lost: AbortController): HeldLock {
    return {
      held: () => locks.get(name) === lost,
      lost: lost.signal,
      async release() {
        if (locks.get(name) !== lost) return;
        locks.delete(name);
        await query('select pg_advisory_unlock(hashtextextended($1, 0))', [name]).catch(() => undefined);
        if (locks.size === 0 && users === 0) end();
      },
    };
  }

  return {
    over: () => ended.signal.aborted,
    async take(name) {
      users++;
      try {
        await connected;
        // The same connection would be given the same lock again.
        if (locks.has(name)) return { held: false, holder: { description: self, sinceMs: null } };
        const lost = new AbortController();
        locks.set(name, lost);
        const outcome = await seize(name).catch((error: unknown) => {
          locks.delete(name);
          throw error;
        });
        if (outcome !== true) locks.delete(name);
        return outcome === true ? { held: true, lock: lockOf(name, lost) } : { held: false, holder: outcome };
      } finally {
        users--;
        if (locks.size === 0 && users === 0) end();
      }
    },
  };

  /** True, or who has it. */
  async function seize(name: string): Promise<true | LockHolder> {
    for (let tries = 0; ; tries++) {
      if (await tryOnce(name)) return true;
      const holder = await findHolder(name);
      if (holder?.stale && tries < 3) {
        log.warn({ name, holder: holder.description }, 'the holder of a lock has been silent for too long; ending its connection');
        await query('select pg_terminate_backend($1, 1000)', [holder.pid]);
      } else if (holder || tries >= 3) {
        return { description: holder?.description ?? 'a process that is just leaving', sinceMs: holder?.sinceMs ?? null };
      }
    }
  }
}

/** PostgreSQL cuts names at 63 bytes; the marker has to survive. */
function fitName(name: string): string {
  return `${Buffer.from(name)
    .subarray(0, 63 - marker.length)
    .toString('latin1')
    .replaceAll(/[^ -~]/g, '?')}${marker}`;
}
