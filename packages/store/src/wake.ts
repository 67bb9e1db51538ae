import { type Tx, toTimestamp } from './pool.ts';

/** Channel that says there is a due row. */
export const dueChannel = 'due';

/** Makes the entities `kind:id` due at `at` (epoch milliseconds; absent: at once), when this transaction commits. */
export async function wake(tx: Tx, entities: readonly string[], at?: number): Promise<void> {
  if (entities.length === 0) return;
  tx.send(
    `with woken as (insert into cyrus.due (id, at) select id, coalesce($2::timestamptz, clock_timestamp()) from unnest($1::text[]) id)
     select pg_notify('${dueChannel}', '')`,
    [entities, at === undefined ? tx.manualNow() : toTimestamp(at)],
  );
}

/** Every one of `live` gets a due row unless it has one. Resolves with how many got one. */
export async function wakeForgotten(tx: Tx, live: readonly string[]): Promise<number> {
  const { rowCount } = await tx.query(
    `insert into cyrus.due (id, at) select id, coalesce($2::timestamptz, clock_timestamp()) from unnest($1::text[]) id
     where not exists (select from cyrus.due where due.id = id.id)`,
    [live, tx.manualNow()],
  );
  if (rowCount > 0) await tx.query(`select pg_notify('${dueChannel}', '')`);
  return rowCount;
}

/** A due entity, its due rows deleted in this transaction. */
export interface Taken {
  readonly entity: string;
  readonly now: number;
  /** Others are due as well, if no other worker has them. */
  readonly more: boolean;
}

/**
 * Takes the entity that has been due longest, of the attempts if there are any and `attemptsFirst` is set. A recorded failure of
 * it goes too. Its due rows up to now are deleted before anything is
 * read: an input committed later comes with a due row of its own, so deciding on what is seen afterwards loses none. Rows
 * another worker holds are left to it. All comes back if the transaction is rolled back.
 */
export async function takeDue(tx: Tx, attemptsFirst: boolean = false): Promise<Taken | undefined> {
  const { rows } = await tx.query<Taken>(
    // The time in a scalar subquery is computed once and bounds the index scan; timers far ahead are not looked at.
    `with time as materialized (select coalesce($1::timestamptz, clock_timestamp()) as now),
     attempt as materialized (
       select id from cyrus.due where at <= (select now from time) and id like 'attempt:%' and $2::boolean order by at limit 1 for update of due skip locked
     ),
     other as materialized (
       select id from cyrus.due where at <= (select now from time) and not exists (select from attempt)
       order by at limit 1 for update of due skip locked
     ),
     next as materialized (select id from attempt union all select id from other),
     mine as materialized (
       select due.seq from cyrus.due join next on due.id = next.id where due.at <= (select now from time) for update of due skip locked
     ),
     dropped as (delete from cyrus.due where seq = any (array (select seq from mine))),
     forgiven as (delete from cyrus.advance_failure f using next where f.entity = next.id)
     select id as entity, (select now from time) as now,
       exists (select from cyrus.due where at <= (select now from time) and id <> next.id) as more
     from next`,
    [tx.manualNow(), attemptsFirst],
  );
  return rows[0];
}

/** Deletes what is due of one entity by `at` (absent: now) and not in another worker's hands. Resolves with how many rows that were. */
export async function dropDue(tx: Tx, entity: string, at?: number): Promise<number> {
  const { rowCount } = await tx.query(
    `delete from cyrus.due where seq = any (array (
       select seq from cyrus.due where id = $1 and at <= coalesce($2::timestamptz, clock_timestamp()) for update skip locked))`,
    [entity, at === undefined ? tx.manualNow() : toTimestamp(at)],
  );
  return rowCount;
}
