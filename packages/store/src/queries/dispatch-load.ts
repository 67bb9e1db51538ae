import type { Tx } from '../pool.ts';

export interface ReadyTaskRow {
  readonly taskId: string;
  readonly planId: string;
  readonly issueId: string;
  readonly repositoryId: string;
  readonly number: number;
  readonly readySince: number;
  readonly notBefore: number | null;
  readonly agent: string | null;
  readonly spent: number;
  readonly waitingKey: string | null;
}

export interface LoadedDispatch {
  readonly ready: readonly ReadyTaskRow[];
  readonly slotsUsed: number;
  readonly memoryUsedMb: number;
  readonly reserved: number;
  readonly spentToday: number;
  readonly draining: boolean;
  readonly hosts: readonly { readonly id: string; readonly slots: number; readonly memoryMb: number }[];
}

/** Locks the dispatcher and reads what it decides on: tasks that are ready and have no attempt yet, and what is held. */
export async function loadDispatch(tx: Tx, dayStart: number): Promise<LoadedDispatch> {
  await tx.query(`select id from cyrus.dispatcher where id = 'main' for update`);
  const { rows: ready } = await tx.query<ReadyTaskRow>(
    `select t.id as "taskId", t.plan_id as "planId", p.issue_id as "issueId", p.repository_id as "repositoryId", t.attempts + 1 as number,
       p.created_at as "readySince", t.not_before as "notBefore", p.options ->> 'agent' as agent,
       coalesce((select sum(c.cost) from cyrus.charge c join cyrus.attempt a on a.id = c.attempt_id where a.task_id = t.id), 0) as spent,
       (select e.payload ->> 'key' from cyrus.event e where e.plan_id = p.id and e.type = 'task.waiting' order by e.id desc limit 1) as "waitingKey"
     from cyrus.task t join cyrus.plan p on p.id = t.plan_id
     where t.state = 'ready' and p.state = 'running'
       and not exists (select from cyrus.attempt a where a.task_id = t.id and a.number = t.attempts + 1)
       and not exists (select from cyrus.stop_request s where s.plan_id = p.id)
     order by p.created_at limit 5000`,
  );
  const { rows } = await tx.query<{ slots: number; memory: number; reserved: number; spent: number; draining: boolean }>(
    `select coalesce(sum(r.slots), 0) as slots, coalesce(sum(r.memory_mb), 0) as memory, coalesce(sum(r.cost), 0) as reserved,
       (select coalesce(sum(c.cost), 0) from cyrus.charge c where c.at >= to_timestamp($1::float8 / 1000)) as spent,
       coalesce((select bool_and(h.draining) from cyrus.host h), false) as draining
     from cyrus.reservation r where r.released_at is null`,
    [dayStart],
  );
  const { rows: hosts } = await tx.query<{ id: string; slots: number; memoryMb: number }>(
    'select id, slots, memory_mb as "memoryMb" from cyrus.host where not draining',
  );
  const held = rows[0];
  return {
    ready,
    slotsUsed: held?.slots ?? 0,
    memoryUsedMb: held?.memory ?? 0,
    reserved: held?.reserved ?? 0,
    spentToday: held?.spent ?? 0,
    draining: held?.draining ?? false,
    hosts,
  };
}
