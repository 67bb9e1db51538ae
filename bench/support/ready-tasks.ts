import type { Queryable } from 'cyrus-store/pool';

/**
 * Fills a database with tasks that are ready, each of an issue and a plan of its own, spread over `repositories` (`repository-0` …),
 * of several kinds and sizes; some ask for an executor, some have failed before. Four attempts run, two on `claude` and two on `far`.
 */
export async function insertReadyTasks(db: Queryable, tasks: number, repositories: number): Promise<void> {
  await db.query(
    `insert into cyrus.host (id, boot_id, pid, isolation, slots, memory_mb, version) values ('local', 'b', 1, 'bwrap', 2, 4000, 'bench')`,
  );
  await db.query(
    `insert into cyrus.issue (id, workspace, identifier, title, description)
     select 'issue-' || n, 'w', 'ENG-' || n, 'Issue ' || n, repeat('What is to be done. ', 20) from generate_series(1, $1::int) n`,
    [tasks + 4],
  );
  await db.query(
    `insert into cyrus.plan (id, issue_id, number, state, procedure, repository_id, branch, options, created_at)
     select 'plan-' || n, 'issue-' || n, 1, 'running', 'builder', 'repository-' || n % $2::int, 'cyrus/eng-' || n,
       case when n % 50 = 0 then '{"agent": "near"}' else '{}' end::jsonb, clock_timestamp() - make_interval(secs => n)
     from generate_series(1, $1::int) n`,
    [tasks + 4, repositories],
  );
  await db.query(
    `insert into cyrus.task (id, plan_id, key, procedure, prompt, state, attempts, analysis, ruled_out)
     select 'task-' || n, 'plan-' || n, 'main', 'builder', 'Do it.', case when n > $1::int then 'assigned' else 'ready' end,
       case when n % 40 = 0 then 1 else 0 end,
       jsonb_build_object('type', (array['builder', 'debugger', 'scoper'])[1 + n % 3], 'complexity', (array['low', 'medium', 'high'])[1 + n / 3 % 3],
         'urgency', case when n % 30 = 0 then 'high' else 'normal' end, 'requiresContext', 'any', 'requiresIsolation', false,
         'requiresParallelExecution', false, 'labels', jsonb_build_array('Feature'), 'reasons', '[]'::jsonb, 'refinedBy', null),
       case when n % 40 = 0 then '[{"executorId": "near", "why": "it failed here", "until": null}]' else '[]' end::jsonb
     from generate_series(1, $1::int + 4) n`,
    [tasks],
  );
  await db.query(
    `insert into cyrus.attempt (id, task_id, plan_id, number, state, executor_id)
     select 'attempt-' || n, 'task-' || n, 'plan-' || n, 1, case when n > $1::int then 'running' else 'failed' end,
       case when n > $1::int + 2 then 'far' else 'claude' end
     from generate_series(1, $1::int + 4) n where n > $1::int or n % 40 = 0`,
    [tasks],
  );
  await db.query(
    `insert into cyrus.reservation (attempt_id, executor_id, slots, memory_mb, cost)
     select id, executor_id, case executor_id when 'claude' then 1 else 0 end, case executor_id when 'claude' then 400 else 0 end, 500000 from cyrus.attempt where state = 'running'`,
  );
  await db.query('analyze');
}
