import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Watch } from './database.ts';
import { jsonCall } from './json-call.ts';
import { until } from './killer.ts';
import { readLeftovers } from './tracker.ts';
import type { World } from './world.ts';

export interface LinearActivity {
  readonly id: string;
  readonly type: string;
  readonly body: string | null;
  readonly ephemeral: boolean;
  readonly byAgent: boolean;
}
interface LinearSession {
  readonly id: string;
  readonly issue: string;
  readonly prompts: number;
  readonly closings: number;
  readonly activities: readonly LinearActivity[];
}
interface LinearIssue {
  readonly id: string;
  readonly identifier: string;
  readonly state: string;
  readonly attachments: readonly { readonly url: string }[];
}
interface Violation {
  readonly kind: string;
  readonly at: string;
  readonly session: string | null;
  readonly detail?: Readonly<Record<string, unknown>>;
}
/** One try of Linear to deliver an event. */
interface Delivery {
  readonly at: string;
  readonly event: string;
  readonly action: string;
  readonly session: string | null;
  readonly attempt: number;
  readonly duplicate: boolean;
  readonly status: number;
  readonly error: string | null;
}
export interface Pull {
  readonly repository: string;
  readonly directory: string;
  readonly number: number;
  readonly head: string;
  readonly base: string;
  readonly headSha: string;
}

/** The rows the checks read. */
interface Rows {
  readonly turns: readonly {
    readonly id: string;
    readonly session_id: string;
    readonly state: string;
    readonly closed_as: string | null;
  }[];
  readonly closings: readonly { readonly key: string; readonly session_id: string; readonly turn_id: string; readonly state: string }[];
  readonly writes: readonly {
    readonly id: string;
    readonly key: string;
    readonly session_id: string;
    readonly state: string;
    readonly attempts: number;
  }[];
  readonly messages: readonly { readonly session_id: string; readonly seq: number; readonly turn_id: string }[];
  readonly plans: readonly {
    readonly id: string;
    readonly issue_id: string;
    readonly state: string;
    readonly repository_id: string;
    readonly branch: string;
    readonly pull_request: { readonly number: number } | null;
    readonly failure: { readonly message: string } | null;
  }[];
  readonly undelivered: readonly { readonly plan_id: string; readonly n: number }[];
  /** Messages and the session's opening, as they were taken in. */
  readonly arrived: readonly { readonly session_id: string; readonly count: number }[];
  readonly conversations: readonly { readonly id: string; readonly issue_id: string; readonly executor_id: string }[];
  /** Issues with an attempt that was lost. */
  readonly attempts: readonly { readonly state: string; readonly count: number }[];
  readonly rejected: readonly { readonly key: string; readonly session_id: string | null; readonly failure: unknown }[];
  readonly questions: readonly {
    readonly id: string;
    readonly session_id: string;
    readonly plan_id: string | null;
    readonly task_id: string | null;
    readonly state: string;
    readonly plan_state: string | null;
  }[];
  readonly advanceFailures: readonly { readonly entity: string; readonly failures: number; readonly last_error: string }[];
}

const poolName = '.pool';

const queries: { readonly [Name in keyof Rows]: string } = {
  turns: 'select id, session_id, state, closed_as from cyrus.turn',
  closings: 'select key, session_id, turn_id, state from cyrus.outbound_write where closing',
  writes: `select id, key, session_id, state, attempts from cyrus.outbound_write where kind = 'activity'`,
  messages: 'select session_id, seq, turn_id from cyrus.message',
  plans: 'select id, issue_id, state, repository_id, branch, pull_request, failure from cyrus.plan order by number',
  undelivered: `select m.plan_id, m.n from cyrus.plan_message m join cyrus.plan p on p.id = m.plan_id
                 where p.state = 'done' and not m.delivered and not exists (
                   select from cyrus.plan_message other join cyrus.plan q on q.id = other.plan_id
                    where other.session_id = m.session_id and other.seq = m.seq and (other.delivered or q.state = 'stopped'))`,
  arrived: `select s.id as session_id, count(*) as count from cyrus.session s
              join cyrus.inbox i on i.event_key = 'created:' || s.id or i.event_key like 'prompted:' || s.id || ':%' group by s.id`,
  conversations: 'select id, issue_id, executor_id from cyrus.conversation',
  attempts: 'select state, count(*) as count from cyrus.attempt group by state order by state',
  rejected: `select key, session_id, failure from cyrus.outbound_write where state = 'rejected'`,
  questions: `select q.id, q.session_id, q.plan_id, t.id as task_id, q.state, p.state as plan_state from cyrus.question q
                left join cyrus.plan p on p.id = q.plan_id left join cyrus.task t on t.plan_id = p.id`,
  advanceFailures: 'select entity, failures, last_error from cyrus.advance_failure',
};

/** Everything the checks look at, read once at rest. */
export interface Evidence {
  readonly rows: Rows;
  readonly leftovers: Readonly<Record<string, readonly string[]>>;
  readonly sessions: readonly LinearSession[];
  readonly issues: readonly LinearIssue[];
  readonly violations: readonly Violation[];
  readonly deliveries: readonly Delivery[];
  readonly pulls: readonly Pull[];
  /** `repository branch` of everything below `cyrus/` on the remotes. */
  readonly branches: readonly string[];
  /** Names in the home's `checkouts`, but for the pool of those that wait for work. */
  readonly checkouts: readonly string[];
  /** Worktrees beside the mirrors themselves, and lock files of git in them. */
  readonly strayInMirrors: readonly string[];
}

/** @throws Error when the database or a stand-in does not answer */
export async function readEvidence(world: World, watch: Watch): Promise<Evidence> {
  const rows: Record<string, unknown> = {};
  for (const [name, sql] of Object.entries(queries)) {
    // It may be on its way back from the last kill.
    await until(async () => {
      rows[name] = await watch.query(sql);
      return rows[name] !== undefined;
    }, 15_000);
    if (!rows[name]) throw new Error(`the database does not answer: ${name}`);
  }
  const leftovers = await readLeftovers(watch);
  if (!leftovers) throw new Error('the database does not answer');
  const linear = await jsonCall<{ sessions: LinearSession[]; issues: LinearIssue[] }>(`${world.linear}/control/state`);
  const github = await jsonCall<{
    repositories: { fullName: string; directory: string; pulls: Omit<Pull, 'repository' | 'directory'>[] }[];
  }>(`${world.github}/control/state`);
  return {
    rows: rows as unknown as Rows,
    leftovers,
    sessions: linear.sessions,
    issues: linear.issues,
    violations: await jsonCall<Violation[]>(`${world.linear}/control/violations`),
    deliveries: await jsonCall<Delivery[]>(`${world.linear}/control/deliveries`),
    pulls: github.repositories.flatMap(({ fullName, directory, pulls }) =>
      pulls.map((pull) => ({ ...pull, directory, repository: fullName.replace('acme/', '') })),
    ),
    branches: (
      await Promise.all(
        github.repositories.map(async ({ fullName, directory }) =>
          (
            await git(directory, 'for-each-ref', '--format=%(refname:lstrip=2)', 'refs/heads/cyrus/')
          )
            .split('\n')
            .filter(Boolean)
            .map((branch) => `${fullName.replace('acme/', '')} ${branch}`),
        ),
      )
    ).flat(),
    checkouts: (await readdir(join(world.home, 'checkouts')).catch(() => [])).filter((name) => name !== poolName),
    strayInMirrors: await strayInMirrors(join(world.home, 'repos')),
  };
}

async function strayInMirrors(directory: string): Promise<string[]> {
  const stray: string[] = [];
  for (const name of await readdir(directory).catch(() => [])) {
    // What git on the host is given instead of its own settings.
    if (name === '.git-host') continue;
    const mirror = join(directory, name);
    if (!name.endsWith('.git')) {
      stray.push(name);
      continue;
    }
    const worktrees = (await git(mirror, 'worktree', 'list', '--porcelain')).split('\n').filter((line) => line.startsWith('worktree '));
    stray.push(...worktrees.slice(1).map((line) => `${name}: ${line}`));
    const files = await readdir(mirror, { recursive: true });
    stray.push(...files.filter((file) => file.endsWith('.lock')).map((file) => `${name}: ${file}`));
  }
  return stray;
}

const execute = promisify(execFile);

/** Git on a repository of ours, without anybody's configuration. */
export async function git(directory: string, ...args: string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', HOME: directory };
  const { stdout } = await execute('git', ['-c', 'safe.directory=*', ...args], { cwd: directory, env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}
