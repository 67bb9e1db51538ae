import type { Queryable, Tx } from '../pool.ts';

/** What was said of a text; undefined: nobody was asked. A null answer: it failed, or is under way. */
export async function findAnswer(db: Queryable, contentHash: string): Promise<{ readonly answer: unknown } | undefined> {
  const { rows } = await db.query<{ answer: unknown }>('select answer from cyrus.task_analysis where content_hash = $1', [contentHash]);
  return rows[0];
}

/** Writes down that a model is asked. False: it was asked already. */
export async function beginAnalysis(tx: Tx, asked: { readonly contentHash: string; readonly model: string }): Promise<boolean> {
  const { rowCount } = await tx.query(
    `insert into cyrus.task_analysis (content_hash, model, at) values ($1, $2, coalesce($3::timestamptz, clock_timestamp()))
     on conflict do nothing`,
    [asked.contentHash, asked.model, tx.manualNow()],
  );
  return rowCount === 1;
}

export async function endAnalysis(tx: Tx, contentHash: string, answer: unknown): Promise<void> {
  await tx.query('update cyrus.task_analysis set answer = $2 where content_hash = $1', [
    contentHash,
    answer === null ? null : JSON.stringify(answer),
  ]);
}

/** Nothing was asked after all: the same text may be asked about again. */
export async function dropAnalysis(tx: Tx, contentHash: string): Promise<void> {
  await tx.query('delete from cyrus.task_analysis where content_hash = $1', [contentHash]);
}
