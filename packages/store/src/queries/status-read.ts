import type { Queryable } from '../pool.ts';

export interface HostStatus {
  readonly id: string;
  readonly pid: number;
  readonly isolation: string;
  readonly slots: number;
  readonly version: string;
  readonly startedAt: number;
  readonly heartbeatAt: number;
  readonly draining: boolean;
}

export interface StatusSnapshot {
  readonly now: number;
  /** Some process holds the right to run host jobs: the service runs. */
  readonly running: boolean;
  readonly hosts: readonly HostStatus[];
  readonly plans: Readonly<Record<string, number>>;
  readonly agentsRunning: number;
  readonly openTurns: number;
  /** Questions that wait for a person, the oldest first. */
  readonly questions: readonly { readonly id: string; readonly identifier: string; readonly body: string; readonly askedAt: number }[];
  /** Outbound writes not yet accepted, by credential, with the oldest one's age and last trouble. */
  readonly outbound: readonly {
    readonly credential: string;
    readonly waiting: number;
    readonly oldestAt: number;
    readonly trouble: string | null;
  }[];
  /** Credentials that were refused and have sent nothing since. */
  readonly credentials: readonly {
    readonly credential: string;
    readonly since: number;
    readonly message: string;
    readonly fix: string | null;
  }[];
  readonly failures: readonly { readonly entity: string; readonly failures: number; readonly lastError: string; readonly lastAt: number }[];
}

/** How everything stands, in one read. */
export async function readStatus(db: Queryable): Promise<StatusSnapshot> {
  const { rows } = await db.query<{
    now: number;
    running: boolean;
    hosts: HostStatus[] | null;
    plans: Record<string, number> | null;
    agents: number;
    turns: number;
    questions: StatusSnapshot['questions'] | null;
    outbound: StatusSnapshot['outbound'] | null;
    credentials: StatusSnapshot['credentials'] | null;
    failures: StatusSnapshot['failures'] | null;
  }>(
    `select clock_timestamp() as now,
       exists (select from pg_locks l where l.locktype = 'advisory' and l.granted and l.objsubid = 1
         and l.database = (select oid from pg_database where datname = current_database())
         and ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended('host', 0)) as running,
       (select json_agg(json_build_object('id', id, 'pid', pid, 'isolation', isolation, 'slots', slots, 'version', version,
          'startedAt', floor(extract(epoch from started_at) * 1000), 'heartbeatAt', floor(extract(epoch from heartbeat_at) * 1000), 'draining', draining)) from cyrus.host) as hosts,
       (select json_object_agg(state, n) from (select state, count(*) n from cyrus.plan group by state) s) as plans,
       (select count(*) from cyrus.attempt where state = 'running') as agents,
       (select count(*) from cyrus.turn where state = 'open') as turns,
       (select json_agg(json_build_object('id', q.id, 'identifier', i.identifier, 'body', q.body,
          'askedAt', floor(extract(epoch from q.asked_at) * 1000)) order by q.asked_at)
          from cyrus.question q join cyrus.session s on s.id = q.session_id join cyrus.issue i on i.id = s.issue_id where q.state = 'open') as questions,
       (select json_agg(json_build_object('credential', credential, 'waiting', n, 'oldestAt', floor(extract(epoch from oldest) * 1000), 'trouble', trouble)) from (
          select credential, count(*) n, min(created_at) oldest, max(failure ->> 'message') trouble from cyrus.outbound_write
          where state in ('queued', 'sending') group by credential) o) as outbound,
       (select json_agg(json_build_object('credential', credential, 'since', floor(extract(epoch from at) * 1000),
          'message', failure ->> 'message', 'fix', failure ->> 'fix')) from (
          select distinct on (e.payload ->> 'credential') e.payload ->> 'credential' as credential, e.at, e.payload -> 'failure' as failure
          from cyrus.event e where e.type in ('credential_failed', 'credential_recovered') and e.type = 'credential_failed'
            and not exists (select from cyrus.event r where r.type in ('credential_failed', 'credential_recovered')
              and r.type = 'credential_recovered' and r.id > e.id and r.payload ->> 'credential' = e.payload ->> 'credential')
            and not exists (select from cyrus.outbound_write w where w.credential = e.payload ->> 'credential' and w.sent_at > e.at)
          order by e.payload ->> 'credential', e.id) c) as credentials,
       (select json_agg(json_build_object('entity', entity, 'failures', failures, 'lastError', split_part(last_error, E'\\n', 1),
          'lastAt', floor(extract(epoch from last_at) * 1000))) from cyrus.advance_failure) as failures`,
  );
  const row = rows[0];
  return {
    now: row?.now ?? 0,
    running: row?.running ?? false,
    hosts: row?.hosts ?? [],
    plans: row?.plans ?? {},
    agentsRunning: row?.agents ?? 0,
    openTurns: row?.turns ?? 0,
    questions: row?.questions ?? [],
    outbound: row?.outbound ?? [],
    credentials: row?.credentials ?? [],
    failures: row?.failures ?? [],
  };
}
