import type { Queryable } from '../pool.ts';

/** What somebody who helps from afar needs to know of a database. Plain JSON; without what people or agents said. */
export interface SupportFacts {
  readonly server: string;
  readonly schema: readonly { readonly version: number; readonly name: string; readonly appliedAt: string }[];
  /** Rows of each table, as the server estimates them, and bytes. */
  readonly tables: readonly { readonly table: string; readonly rows: number; readonly bytes: number }[];
  /** How many are in which state, by kind of entity. */
  readonly states: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly eventsOfLastDay: Readonly<Record<string, number>>;
  readonly due: { readonly count: number; readonly oldestAt: string | null };
  readonly advanceFailures: readonly object[];
  readonly failedAttempts: readonly object[];
  readonly failedJobs: readonly object[];
  readonly rejectedWrites: readonly object[];
  readonly decisions: readonly object[];
  readonly hosts: readonly object[];
  readonly connections: readonly object[];
}

/** What an agent or a check wrote ends up in these messages; the class says enough. */
const quoting = "('agent_failed', 'checks_failed', 'no_evidence', 'setup_failed', 'conflict')";
const failureOf = (column: string): string =>
  `json_build_object('class', ${column} ->> 'class', 'message', case when ${column} ->> 'class' in ${quoting} then null else left(${column} ->> 'message', 300) end)`;
const counted = (table: string, state = 'state'): string =>
  `(select coalesce(json_object_agg(state, n), '{}') from (select ${state} as state, count(*) as n from cyrus.${table} group by 1) s)`;
const listed = (select: string): string => `(select coalesce(json_agg(row_to_json(r)), '[]') from (${select}) r)`;

export async function readSupportFacts(db: Queryable): Promise<SupportFacts> {
  const { rows } = await db.query<{ facts: SupportFacts }>(
    `select json_build_object(
       'server', version(),
       'schema', ${listed('select version, name, applied_at as "appliedAt" from cyrus.schema_migration order by version')},
       'tables', ${listed(`select relname as table, n_live_tup as rows, pg_total_relation_size(relid) as bytes
          from pg_stat_user_tables where schemaname = 'cyrus' order by relname`)},
       'states', json_build_object('plan', ${counted('plan')}, 'task', ${counted('task')}, 'attempt', ${counted('attempt')}, 'turn', ${counted('turn')},
          'host_job', ${counted('host_job', "kind || ' ' || state")}, 'outbound_write', ${counted('outbound_write', "credential || ' ' || state")},
          'question', ${counted('question')}),
       'eventsOfLastDay', (select coalesce(json_object_agg(type, n), '{}') from (
          select type, count(*) as n from cyrus.event where at > clock_timestamp() - interval '1 day' group by type) e),
       'due', (select json_build_object('count', count(*), 'oldestAt', min(at)) from cyrus.due),
       'advanceFailures', ${listed('select entity, failures, left(last_error, 2000) as "lastError", last_at as "lastAt" from cyrus.advance_failure order by last_at desc limit 50')},
       'failedAttempts', ${listed(`select id, executor_id as executor, number, state, ${failureOf('failure')} as failure, started_at as "startedAt", ended_at as "endedAt"
          from cyrus.attempt where state in ('failed', 'lost') order by ended_at desc nulls last limit 30`)},
       'failedJobs', ${listed(`select id, kind, state, ${failureOf('failure')} as failure, started_at as "startedAt", ended_at as "endedAt"
          from cyrus.host_job where state in ('failed', 'lost') order by ended_at desc nulls last limit 30`)},
       'rejectedWrites', ${listed(`select id, credential, kind, attempts, ${failureOf('failure')} as failure, created_at as "createdAt"
          from cyrus.outbound_write where state = 'rejected' order by seq desc limit 30`)},
       'decisions', ${listed('select task_id as task, number, executor_id as executor, reason, alternatives, at from cyrus.decision order by at desc limit 30')},
       'hosts', ${listed('select id, pid, isolation, slots, memory_mb as "memoryMb", version, started_at as "startedAt", heartbeat_at as "heartbeatAt", draining from cyrus.host')},
       'connections', ${listed(`select application_name as application, state, wait_event as waiting, count(*) as n from pg_stat_activity
          where datname = current_database() group by 1, 2, 3 order by 1`)}) as facts`,
  );
  const [row] = rows;
  if (!row) throw new Error('the database answered with no row');
  return row.facts;
}

/** What people and agents said in the newest plans: only for whoever agrees to hand it over. */
export async function readSupportTexts(db: Queryable): Promise<readonly object[]> {
  const { rows } = await db.query<{ plans: readonly object[] }>(
    `select ${listed(`select p.id, i.identifier, i.title, i.description, p.state, p.failure, p.answer, p.route_reason as "routeReason",
         (select json_agg(json_build_object('seq', m.seq, 'author', m.author_name, 'body', m.body, 'at', m.at) order by m.at)
            from cyrus.message m join cyrus.session s on s.id = m.session_id where s.issue_id = i.id) as messages,
         (select json_agg(json_build_object('key', t.key, 'state', t.state, 'prompt', t.prompt, 'failure', t.failure, 'checks', t.checks, 'output', t.output))
            from cyrus.task t where t.plan_id = p.id) as tasks,
         (select json_agg(json_build_object('type', e.type, 'payload', e.payload, 'at', e.at) order by e.id)
            from (select * from cyrus.event where plan_id = p.id order by id desc limit 200) e) as events
       from cyrus.plan p join cyrus.issue i on i.id = p.issue_id order by p.created_at desc limit 10`)} as plans`,
  );
  return rows[0]?.plans ?? [];
}
