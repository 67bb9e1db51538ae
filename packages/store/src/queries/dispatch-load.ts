import type { RuledOut } from 'cyrus-core/domain/plan';
import type { Tx } from '../pool.ts';
import { type ExecutorStatus, readExecutorStatus } from './executor-status.ts';

export interface ReadyTaskRow {
  readonly taskId: string;
  readonly planId: string;
  readonly issueId: string;
  readonly repositoryId: string;
  readonly number: number;
  readonly readySince: number;
  readonly notBefore: number | null;
  readonly agent: string | null;
  readonly model: string | null;
  readonly procedure: string;
  /** As it was stored with the task; null: it never was. */
  readonly analysis: unknown;
  readonly ruledOut: readonly RuledOut[];
  /** The executor of the last attempt whose conversation has begun, of this plan or the one it follows. */
  readonly continuesOn: string | null;
  /** The last reason told for waiting. */
  readonly told: { readonly key: string; readonly ahead: number | null; readonly at: number } | null;
}

export interface LoadedDispatch extends ExecutorStatus {
  readonly ready: readonly ReadyTaskRow[];
  readonly slotsUsed: number;
  readonly memoryUsedMb: number;
  readonly draining: boolean;
  readonly hosts: readonly { readonly id: string; readonly slots: number; readonly memoryMb: number; readonly isolation: string }[];
}

/** Locks the dispatcher and reads what it decides on: tasks that are ready and have no attempt yet, and what is held. */
export async function loadDispatch(tx: Tx): Promise<LoadedDispatch> {
  tx.send(`select id from cyrus.dispatcher where id = 'main' for update`);
  const reading = tx.query<ReadyTaskRow>(
    `select t.id as "taskId", t.plan_id as "planId", p.issue_id as "issueId", p.repository_id as "repositoryId", t.attempts + 1 as number,
       p.created_at as "readySince", t.not_before as "notBefore", p.options ->> 'agent' as agent, p.options ->> 'model' as model,
       t.procedure, t.analysis, t.ruled_out as "ruledOut",
       (select a.executor_id from cyrus.attempt a join cyrus.conversation c on c.id = a.conversation_id and c.started
         where a.plan_id in (p.id, p.follows) order by a.created_at desc limit 1) as "continuesOn",
       (select json_build_object('key', e.payload ->> 'key', 'ahead', (e.payload ->> 'ahead')::int, 'at', floor(extract(epoch from e.at) * 1000))
         from cyrus.event e where e.plan_id = p.id and e.type = 'task.waiting' order by e.id desc limit 1) as told
     from cyrus.task t join cyrus.plan p on p.id = t.plan_id
     where t.state = 'ready' and p.state = 'running'
       and not exists (select from cyrus.attempt a where a.task_id = t.id and a.number = t.attempts + 1)
       and not exists (select from cyrus.stop_request s where s.plan_id = p.id)
     order by p.created_at limit 5000`,
  );
  const summing = tx.query<{ slots: number; memory: number; draining: boolean }>(
    `select coalesce(sum(r.slots), 0) as slots, coalesce(sum(r.memory_mb), 0) as memory,
       coalesce((select bool_and(h.draining) from cyrus.host h), false) as draining
     from cyrus.reservation r where r.released_at is null`,
  );
  const finding = tx.query<{ id: string; slots: number; memoryMb: number; isolation: string }>(
    'select id, slots, memory_mb as "memoryMb", isolation from cyrus.host where not draining',
  );
  const [{ rows: ready }, sums, { rows: hosts }, executors] = await Promise.all([reading, summing, finding, readExecutorStatus(tx)]);
  const held = sums.rows[0];
  return {
    ready,
    slotsUsed: held?.slots ?? 0,
    memoryUsedMb: held?.memory ?? 0,
    draining: held?.draining ?? false,
    hosts,
    ...executors,
  };
}
