import { findTask } from 'cyrus-edge-worker/people/find-task';
import { analysisOf, decisionsOf } from 'cyrus-store/queries/decision-list';
import type { CommandContext } from '../context.ts';
import { explanation } from '../explanation.ts';
import { withStore } from '../open-home.ts';
import { plain } from '../terminal.ts';

/** `cyrus explain TASK`: which executor got it and why, what else there was, what it was expected to cost and what it did cost. */
export async function explain(
  { home, config, terminal }: CommandContext,
  name: string,
  options: { readonly json?: boolean },
): Promise<void> {
  await withStore(home, config(), async ({ db }) => {
    const task = await findTask(db, name);
    const analysis = await analysisOf(db, task.taskId);
    const decisions = await decisionsOf(db, task.taskId);
    if (options.json) return terminal.out(JSON.stringify({ task, analysis, decisions }));
    for (const line of explanation(task, analysis, decisions, await db.now())) terminal.out(plain(line));
  });
}
