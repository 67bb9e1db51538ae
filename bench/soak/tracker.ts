import type { Watch } from './database.ts';

export interface Progress {
  /** Grows with every event and every write that left. */
  readonly steps: number;
  readonly openTurns: number;
  /** Sessions without an open turn whose messages have all arrived. */
  readonly finished: number;
}

interface SessionRow {
  readonly id: string;
  readonly open: number;
  /** What was said that arrived. */
  readonly arrived: number;
}

/** How far the work is. Undefined while the database is away. */
export async function readProgress(watch: Watch, said: ReadonlyMap<string, number>): Promise<Progress | undefined> {
  const steps = await readSteps(watch);
  const rows = await watch.query<SessionRow>(
    `select s.id, (select count(*) from cyrus.turn t where t.session_id = s.id and t.state = 'open') as open,
            (select count(*) from cyrus.inbox i
              where i.event_key = 'created:' || s.id or i.event_key like 'prompted:' || s.id || ':%') as arrived
       from cyrus.session s`,
  );
  if (!rows || steps === undefined) return undefined;
  return {
    steps,
    openTurns: rows.reduce((sum, row) => sum + row.open, 0),
    finished: rows.filter((row) => row.open === 0 && row.arrived >= (said.get(row.id) ?? Number.POSITIVE_INFINITY)).length,
  };
}

export async function readSteps(watch: Watch): Promise<number | undefined> {
  const rows = await watch.query<{ steps: number }>(
    `select (select count(*) from cyrus.event) + (select count(*) from cyrus.outbound_write where state = 'sent') as steps`,
  );
  return rows?.[0]?.steps;
}

const leftovers: Readonly<Record<string, string>> = {
  'turns open': `select id from cyrus.turn where state = 'open'`,
  'plans live (but for those that wait for an answer)': `select id from cyrus.plan p where state not in ('done', 'failed', 'stopped')
    and not exists (select from cyrus.question q where q.plan_id = p.id and q.state = 'open')`,
  'attempts live': `select id from cyrus.attempt where state not in ('succeeded', 'failed', 'asked', 'lost', 'stopped')`,
  'jobs unfinished': `select id from cyrus.host_job where state in ('queued', 'running')`,
  'outbound writes queued': `select key as id from cyrus.outbound_write where state in ('queued', 'sending')`,
  'inputs unread': `select entity || ' ' || kind as id from cyrus.input where read_at is null`,
  'reservations open': `select attempt_id as id from cyrus.reservation where released_at is null`,
};

/** What is not at rest, by name; empty lists when all is done. Undefined while the database is away. */
export async function readLeftovers(watch: Watch): Promise<Readonly<Record<string, readonly string[]>> | undefined> {
  const found: Record<string, readonly string[]> = {};
  for (const [name, sql] of Object.entries(leftovers)) {
    const rows = await watch.query<{ id: string }>(sql);
    if (!rows) return undefined;
    found[name] = rows.map((row) => row.id);
  }
  return found;
}
