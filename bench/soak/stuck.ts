import type { Watch } from './database.ts';
import type { Assigned } from './people.ts';

const queries: Readonly<Record<string, string>> = {
  turns: 'select id, state, opened_at from cyrus.turn where session_id = $1',
  messages: 'select seq, turn_id, signal, left(body, 60) as body from cyrus.message where session_id = $1 order by seq',
  session: 'select read_seq, next_seq, plan_id, issue_job from cyrus.session where id = $1',
  plans: `select id, number, state, failure, branch, pushed_sha, head_sha, pull_request from cyrus.plan p
           where issue_id = (select issue_id from cyrus.session where id = $1) order by number`,
  tasks: `select id, state, attempts, not_before, failure from cyrus.task where plan_id in
          (select id from cyrus.plan where issue_id = (select issue_id from cyrus.session where id = $1))`,
  attempts: `select id, number, state, failure, message_n, delivered_n, checkout->>'startSha' as start_sha, checkout->>'reused' as reused, head_sha, evidence from cyrus.attempt where plan_id in
             (select id from cyrus.plan where issue_id = (select issue_id from cyrus.session where id = $1)) order by created_at`,
  jobs: `select id, kind, state, not_before, failure, boot_id, created_at, ended_at from cyrus.host_job where session_id = $1 or plan_id in
         (select id from cyrus.plan where issue_id = (select issue_id from cyrus.session where id = $1)) order by created_at`,
  writes: `select key, state, attempts, not_before, failure from cyrus.outbound_write where state <> 'sent' and (session_id = $1 or plan_id in
           (select id from cyrus.plan where issue_id = (select issue_id from cyrus.session where id = $1))) order by seq`,
};

const everywhere: Readonly<Record<string, string>> = {
  inputs: 'select entity, kind, payload, at from cyrus.input where read_at is null limit 20',
  due: 'select id, at from cyrus.due order by at limit 40',
  failures: 'select entity, failures, last_error from cyrus.advance_failure',
  reservations: 'select attempt_id from cyrus.reservation where released_at is null',
};

/** The rows of everything that did not come to its end, or to the one it should have, one a line: for a person who has to find out why. */
export async function describeStuck(watch: Watch, assigned: readonly Assigned[]): Promise<string[]> {
  const lines: string[] = [];
  const tell = async (sql: Readonly<Record<string, string>>, parameters: readonly unknown[]): Promise<void> => {
    for (const [name, text] of Object.entries(sql)) {
      const rows = await watch.query<Record<string, unknown>>(text, parameters);
      if (!rows) lines.push(`  ${name}: the database does not answer`);
      for (const row of rows ?? []) lines.push(`  ${name}: ${JSON.stringify(row).slice(0, 600)}`);
    }
  };
  const open = await watch.query<{ id: string }>(
    `select distinct s.id from cyrus.session s left join cyrus.turn t on t.session_id = s.id and t.state = 'open'
       left join cyrus.plan p on p.issue_id = s.issue_id and p.state not in ('done', 'stopped')
      where t.id is not null or p.id is not null`,
  );
  const arrived = await watch.query<{ id: string }>('select id from cyrus.session');
  for (const issue of assigned) {
    if (!open?.some((row) => row.id === issue.session) && arrived?.some((row) => row.id === issue.session)) continue;
    lines.push(`${issue.identifier}, session ${issue.session}:`);
    await tell(queries, [issue.session]);
  }
  lines.push('everywhere:');
  await tell(everywhere, []);
  return lines;
}
