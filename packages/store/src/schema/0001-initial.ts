/** Every table of the system. Times are timestamptz (epoch milliseconds in code); money is bigint micro-dollars. */
export const sql: string = `
-- What came in from outside, once each.
create table cyrus.inbox (
  id           bigserial primary key,
  source       text not null,                 -- linear | github | cli
  body_sha256  text not null,
  delivery_id  text,
  event_key    text,                          -- (session, activity) of a prompt, the session of a creation
  event        text not null,
  body         jsonb not null,
  received_at  timestamptz not null default clock_timestamp()
);
create unique index inbox_body on cyrus.inbox (source, body_sha256);
create unique index inbox_delivery on cyrus.inbox (source, delivery_id);
create unique index inbox_event on cyrus.inbox (source, event_key);
create index inbox_unassigned on cyrus.inbox (coalesce(body -> 'notification' ->> 'issueId', body -> 'notification' -> 'issue' ->> 'id'))
  where event = 'unassigned';
create index inbox_received on cyrus.inbox (received_at);

create table cyrus.issue (
  id           text primary key,
  workspace    text not null,
  identifier   text not null,
  title        text not null,
  description  text not null default '',
  url          text,
  details      jsonb,                         -- labels, states, relations as last read from the tracker; null until read
  read_at      timestamptz,
  changed_at   timestamptz                    -- as of when it is known, by the tracker's clock: older news of it is passed over
);

-- Entity: session. Owns its messages and turns.
create table cyrus.session (
  id           text primary key,
  source       text not null,                 -- linear | cli
  workspace    text not null,
  issue_id     text not null references cyrus.issue,
  context      jsonb not null default '{}',   -- guidance, prompt context, app user
  next_seq     int not null default 1,        -- the number of the next message
  read_seq     int not null default 0,        -- messages up to here have been decided on
  plan_id      text,                          -- the live plan, if any
  issue_job    text,                          -- the host job that reads the issue, while it runs
  last_write_at timestamptz,
  created_at   timestamptz not null default clock_timestamp()
);
create index session_issue on cyrus.session (issue_id);

create table cyrus.turn (
  id           text primary key,
  session_id   text not null references cyrus.session,
  state        text not null default 'open',
  opened_by    text not null,
  opened_at    timestamptz not null default clock_timestamp(),
  closed_as    text,                          -- response | elicitation | error
  closed_at    timestamptz
);
create unique index turn_open on cyrus.turn (session_id) where state = 'open';

create table cyrus.message (
  session_id   text not null references cyrus.session,
  seq          int not null,
  turn_id      text not null references cyrus.turn,
  activity_id  text,
  author_id    text,
  author_name  text,
  author_email text,
  body         text not null,
  signal       text,                          -- stop | refused | …
  at           timestamptz not null default clock_timestamp(),
  primary key (session_id, seq)
);
create unique index message_activity on cyrus.message (session_id, activity_id);

-- Entity: plan. Owns its tasks and plan messages.
create table cyrus.plan (
  id             text primary key,
  issue_id       text not null references cyrus.issue,
  number         int not null,
  state          text not null default 'drafting',
  procedure      text not null,
  repository_id  text not null,
  base_branch    text,
  branch         text not null,
  start_sha      text,                        -- where the work of this plan begins
  head_sha       text,                        -- the integration branch's head in the mirror
  pushed_sha     text,                        -- the integration branch's head last seen on the remote
  pull_request   jsonb,                       -- {number, url}
  follows        text references cyrus.plan,  -- the plan whose branch and conversation this one continues
  content_hash   text,
  route_reason   text,
  parked_reason  text,
  parked_until   timestamptz,
  parked_from    text,
  failure        jsonb,
  answer         jsonb,
  options        jsonb not null default '{}', -- agent, model and such, as asked for in the issue
  created_at     timestamptz not null default clock_timestamp(),
  ended_at       timestamptz,
  unique (issue_id, number)
);
create unique index plan_live on cyrus.plan (issue_id) where state not in ('done', 'failed', 'stopped');

create table cyrus.plan_message (
  plan_id      text not null references cyrus.plan,
  n            int not null,
  session_id   text not null,
  seq          int not null,
  author_name  text,
  body         text not null,
  delivered    boolean not null default false, -- an agent has certainly read it
  at           timestamptz not null default clock_timestamp(), -- when it was said
  command      boolean not null default false, -- an order to the orchestrator: no agent reads it
  primary key (plan_id, n),
  unique (plan_id, session_id, seq)
);

create table cyrus.task (
  id           text primary key,
  plan_id      text not null references cyrus.plan,
  key          text not null,
  procedure    text not null,
  prompt       text not null,
  state        text not null default 'waiting',
  attempts     int not null default 0,         -- how many were wanted so far; the next has this number + 1
  not_before   timestamptz,
  learned      text,                           -- what the last attempt taught, for the next one's prompt
  head_sha     text,
  failure      jsonb,
  ruled_out    jsonb not null default '[]',    -- executors it is not given to, and why: [{executorId, why, until}]
  chain        jsonb,                          -- how far its failures have gone since a person last decided; null: none yet
  analysis     jsonb,                          -- what the work was taken for: type, size, needs
  checks       jsonb,                          -- the verdict of verification, with commands and outputs
  output       text,
  created_at   timestamptz not null default clock_timestamp(),
  ended_at     timestamptz,
  unique (plan_id, key)
);
create index task_state on cyrus.task (state);

-- Entity: attempt.
create table cyrus.attempt (
  id              text primary key,
  task_id         text not null references cyrus.task,
  plan_id         text not null references cyrus.plan,
  number          int not null,
  state           text not null default 'reserved',
  executor_id     text not null,
  conversation_id text,
  message_n       int not null default 0,      -- plan messages up to here are in the prompt
  steered_n       int not null default 0,      -- plan messages up to here were handed to the running agent
  delivered_n     int not null default 0,      -- plan messages up to here were certainly read
  run_ref         jsonb,
  run             jsonb,                       -- of a run elsewhere: {jobs, lookUntil, huntUntil, stop, branch, branchSha, pullRequestUrl}
  checkout        jsonb,                       -- where it works: {directory, baseBranch, startSha, checks found, context}
  base_sha        text,
  head_sha        text,
  evidence        jsonb,
  output          text,
  failure         jsonb,
  interruption    jsonb,                       -- why the run ended before its work did: a pause, or a question of the agent
  created_at      timestamptz not null default clock_timestamp(),
  started_at      timestamptz,
  progress_at     timestamptz,                 -- when progress was last told
  ended_at        timestamptz,
  unique (task_id, number)
);
create index attempt_live on cyrus.attempt (state) where state not in ('succeeded', 'failed', 'asked', 'lost', 'stopped');
create index attempt_plan on cyrus.attempt (plan_id);
create index attempt_judged on cyrus.attempt (ended_at) where state in ('succeeded', 'failed');

create table cyrus.reservation (
  attempt_id   text primary key references cyrus.attempt,
  executor_id  text not null,
  slots        int not null,
  memory_mb    int not null,
  cost         bigint not null,                -- what the attempt may use; grows when it is topped up
  charged      bigint not null default 0,      -- of it used
  intended     bigint not null default 0,      -- of it written down for calls under way, each with its worst case
  billing      text not null default 'list',   -- list | included | credit
  estimate     bigint,                         -- charged at the end where nobody reports a cost; null: nothing is assumed
  trust        text,                           -- whose charges count; a stronger word replaces a weaker one
  reserved_at  timestamptz not null default clock_timestamp(),
  released_at  timestamptz
);
create index reservation_open on cyrus.reservation (executor_id) where released_at is null;

create table cyrus.charge (
  id            bigserial primary key,
  attempt_id    text references cyrus.attempt, -- null: a model had a look at an issue, before there was a task
  issue_id      text references cyrus.issue,   -- that issue
  seq           int,                           -- of the event that told it
  call_id       text unique,                   -- of what was written down before: a call of the gateway, the estimate of an attempt
  model         text not null,
  input_tokens  bigint not null default 0,
  output_tokens bigint not null default 0,
  cache_read_tokens  bigint not null default 0,
  cache_write_tokens bigint not null default 0,
  cost          bigint,                        -- what counts as spent: 0 where it is paid for otherwise; null: unpriced
  price         bigint,                        -- by the price list, however it is paid for; null: unpriced
  prices        text,                          -- name and version of that list; null: the price is the reporter's own
  billing       text not null default 'list',
  trust         text not null,                 -- provider | gateway | agent | estimated
  superseded    boolean not null default false, -- a stronger word on the same use counts instead
  worst_case    boolean not null default false, -- what was really used is not known
  late          boolean not null default false, -- known, or known better, only after its attempt had ended
  booked_day    text,                          -- the day it counts for, in the time zone of then: 2026-11-21
  at            timestamptz not null default clock_timestamp(),
  unique (attempt_id, seq),
  check (num_nonnulls(attempt_id, issue_id) = 1)
);
create index charge_at on cyrus.charge (at);
create index charge_day on cyrus.charge (booked_day);

-- A call to a paid model, written down before it is made.
create table cyrus.call_intent (
  call_id       text primary key,
  attempt_id    text not null,
  model         text not null,
  worst_case    bigint,                        -- null: unpriced
  at            timestamptz not null default clock_timestamp(),
  settled_at    timestamptz
);
create index call_intent_open on cyrus.call_intent (attempt_id) where settled_at is null;
create index call_intent_at on cyrus.call_intent (at);

-- What each budget has spent: the row that is locked by whoever reserves. Locked after entities, in the order month, day, repository,
-- issue, task, credit; conditions of executors alone are locked after it.
create table cyrus.budget (
  scope         text not null,                 -- month | day | repository | issue | task | attempt | credit
  key           text not null,                 -- the period, and what it is for
  spent         bigint not null default 0,
  told          int not null default 0,        -- the highest share that was told of, in percent
  changed       boolean not null default false, -- since the shares were last looked at
  primary key (scope, key)
);
create index budget_changed on cyrus.budget (scope) where changed;

-- What people have added to a budget. Append-only.
create table cyrus.budget_raise (
  id            text primary key,
  scope         text not null,
  key           text not null,
  amount        bigint not null,
  by_name       text,
  plan_id       text,
  at            timestamptz not null default clock_timestamp()
);
create index budget_raise_key on cyrus.budget_raise (scope, key);

create table cyrus.decision (
  task_id      text not null references cyrus.task,
  number       int not null,                   -- of the attempt
  executor_id  text not null,
  reason       text not null,
  strategy     text not null,
  estimate     jsonb not null,                 -- expected cost and duration, and where that is from
  analysis     jsonb not null,                 -- what the task was taken for
  alternatives jsonb not null default '[]',    -- what else there was, why not, and what it was expected to cost and take
  at           timestamptz not null default clock_timestamp(),
  primary key (task_id, number)
);

-- What a model said of an issue's text, once for each text. No answer: it failed, or is under way.
create table cyrus.task_analysis (
  content_hash text primary key,
  model        text not null,
  answer       jsonb,
  at           timestamptz not null default clock_timestamp() -- what it cost is a charge
);

create table cyrus.conversation (
  id            text primary key,
  issue_id      text not null references cyrus.issue,
  repository_id text not null,
  executor_id   text not null,
  started       boolean not null default false,
  ref           jsonb,                         -- the last run of it, where runs live elsewhere: what a follow-up continues
  created_at    timestamptz not null default clock_timestamp(),
  unique (issue_id, repository_id, executor_id)
);

create table cyrus.question (
  id           text primary key,
  kind         text not null,                  -- agent | route | policy: who asks, and so where the answer goes
  topic        text,                           -- of a policy question: what is to be decided
  plan_id      text references cyrus.plan,     -- null: asked before there was a plan
  attempt_id   text references cyrus.attempt,
  session_id   text not null,
  seq          int,                            -- the session's last message before it was asked
  body         text not null,
  options      jsonb,
  state        text not null default 'open',   -- open | answered | withdrawn
  answer       text,
  asked_at     timestamptz not null default clock_timestamp(),
  answered_at  timestamptz
);
create index question_open on cyrus.question (session_id) where state = 'open';
create index question_plan on cyrus.question (plan_id);

-- Hosts and what runs on them.
create table cyrus.host (
  id           text primary key,
  boot_id      text not null,                  -- changes at every start; fences what an earlier process writes
  pid          int not null,
  isolation    text not null,
  slots        int not null,
  memory_mb    int not null,
  version      text not null,
  started_at   timestamptz not null default clock_timestamp(),
  heartbeat_at timestamptz not null default clock_timestamp(),
  draining     boolean not null default false
);

create table cyrus.host_job (
  id           text primary key,
  kind         text not null,                  -- issue | prepare | setup | agent | collect | verify | merge | cleanup | gc
  state        text not null default 'queued',
  notify       text not null,                  -- the entity that gets a 'job' input when this ends
  session_id   text,
  plan_id      text,
  task_id      text,
  attempt_id   text,
  payload      jsonb not null default '{}',
  host_id      text,
  boot_id      text,
  result       jsonb,
  failure      jsonb,
  not_before   timestamptz,
  kill_requested_at timestamptz,               -- this job alone is to end: its plan pauses
  created_at   timestamptz not null default clock_timestamp(),
  started_at   timestamptz,
  ended_at     timestamptz
);
create index host_job_open on cyrus.host_job (state, created_at) where state in ('queued', 'running');
create index host_job_plan on cyrus.host_job (plan_id);
create index host_job_attempt on cyrus.host_job (attempt_id);

-- A message for a running agent job; delivered once the agent has certainly read it.
create table cyrus.job_message (
  job_id       text not null references cyrus.host_job,
  n            int not null,
  body         text not null,
  outcome      text,                           -- steered | queued | too_late
  delivered_at timestamptz,
  primary key (job_id, n)
);

-- A stop asked for. From its commit on, no job of the plan runs and no write of it leaves but the confirmation.
create table cyrus.stop_request (
  plan_id      text primary key,
  session_id   text,
  requested_by text not null,
  reason       text,                          -- why, where nobody said stop: the issue was closed, deleted, taken away
  at           timestamptz not null default clock_timestamp()
);

-- One write to the outside each.
create table cyrus.outbound_write (
  id           uuid primary key,               -- also the idempotency key at the provider
  seq          bigserial,
  key          text not null unique,           -- names the effect: the same decision made twice is one row
  credential   text not null,                  -- linear:WORKSPACE | github | git | cli
  lane         text not null,                  -- strictly first in, first out
  priority     int not null,                   -- among the heads of lanes; lower goes first
  kind         text not null,
  payload      jsonb not null,
  state        text not null default 'queued',
  closing      boolean not null default false, -- a turn's closing answer: leaves even after a stop
  session_id   text,
  turn_id      text,
  plan_id      text,
  notify       text,                           -- the entity that gets a 'write' input when this ends
  attempts     int not null default 0,
  not_before   timestamptz,
  result       jsonb,
  failure      jsonb,
  created_at   timestamptz not null default clock_timestamp(),
  sent_at      timestamptz
);
create index outbound_open on cyrus.outbound_write (credential, lane, seq) where state in ('queued', 'sending');
create index outbound_turn on cyrus.outbound_write (turn_id) where state = 'queued';
create index outbound_session on cyrus.outbound_write (session_id);

-- What one entity tells another. Append-only; read by the entity's next advance.
create table cyrus.input (
  seq          bigserial primary key,
  entity       text not null,
  kind         text not null,
  payload      jsonb not null default '{}',
  at           timestamptz not null default clock_timestamp(),
  read_at      timestamptz
);
create index input_unread on cyrus.input (entity, seq) where read_at is null;
create index input_read on cyrus.input (read_at) where read_at is not null;

-- What happened; numbered after commit, so that a reader who follows numbers skips nothing.
create table cyrus.event (
  id           bigserial primary key,
  number       bigint unique,
  type         text not null,
  session_id   text,
  plan_id      text,
  task_id      text,
  attempt_id   text,
  attempt_seq  int,
  payload      jsonb not null default '{}',
  at           timestamptz not null default clock_timestamp(),
  unique (attempt_id, attempt_seq)
);
create index event_credential on cyrus.event (id) where type in ('credential_failed', 'credential_recovered');
create sequence cyrus.event_number;
create index event_unnumbered on cyrus.event (id) where number is null;
create index event_plan on cyrus.event (plan_id, id);
create index event_waiting on cyrus.event (plan_id, id) where type = 'task.waiting';
create index event_attempt on cyrus.event (attempt_id, id);

-- Wake-ups: insert-only, deleted by the advance that serves them.
create table cyrus.due (
  seq          bigserial primary key,
  id           text not null,
  at           timestamptz not null
);
create index due_at on cyrus.due (at);
create index due_id on cyrus.due (id);
create index due_attempt on cyrus.due (at) where id like 'attempt:%';

create table cyrus.advance_failure (
  entity       text primary key,
  failures     int not null,
  last_error   text not null,
  last_at      timestamptz not null
);

-- How executors are doing. No row: ready, and nothing ever failed.
create table cyrus.executor_condition (
  executor_id   text primary key,
  state         text not null,                 -- ready | resting | parked
  failures      int not null default 0,        -- in a row, of those that say something about the executor
  reason        text not null default '',
  until         timestamptz,                   -- when it may be tried again; null: when somebody has mended it
  failure       jsonb,
  trial         text,                          -- the attempt that finds out whether it works again
  incident      text,                          -- one from the first failure that took it out to the run that works
  changed_at    timestamptz not null default clock_timestamp()
);

-- Calls made lately with one credential, shared by all processes. The bucket '' holds for every kind of call.
create table cyrus.rate_window (
  credential   text not null,
  bucket       text not null,
  taken        jsonb not null default '[]',    -- when calls were made, in epoch milliseconds
  held         jsonb,                          -- {since, until}: what the provider said
  primary key (credential, bucket)
);

create table cyrus.dispatcher (id text primary key);
insert into cyrus.dispatcher values ('main');

create table cyrus.config_revision (
  id           bigserial primary key,
  hash         text not null unique,
  config       jsonb not null,                 -- without secrets
  applied_at   timestamptz not null default clock_timestamp()
);
`;
