import { listTasks, type TaskSummary } from 'cyrus-store/queries/task-list';
import type { CommandContext } from '../context.ts';
import { costOf, durationOf, stateOf } from '../format.ts';
import { withStore } from '../open-home.ts';
import { brief, plain, table } from '../terminal.ts';

/** `cyrus tasks`: what is under way and what was, newest first. */
export async function tasks(
  { home, config, terminal }: CommandContext,
  options: { readonly json?: boolean; readonly limit: number; readonly live?: boolean },
): Promise<void> {
  const { rows, now } = await withStore(home, config(), async ({ db }) => ({
    rows: await listTasks(db, { limit: options.limit, liveOnly: options.live === true }),
    now: await db.now(),
  }));
  if (options.json) return terminal.out(JSON.stringify(rows));
  if (rows.length === 0) return terminal.out('No tasks yet. Assign an issue to Cyrus, or try: cyrus run --task "…" --repo PATH');
  const cells = rows.map((task) => [
    task.identifier,
    stateOf(task),
    task.procedure,
    task.repositoryId,
    task.executorId ?? '–',
    durationOf(task, now),
    costOf(task),
    plain(pullRequestOf(task) ?? '') || brief(task.failure?.message ?? task.question ?? task.waiting ?? branchOf(task) ?? task.title, 100),
  ]);
  const [head, ...body] = table([['ISSUE', 'STATE', 'KIND', 'REPOSITORY', 'EXECUTOR', 'TIME', 'COST', ''], ...cells]);
  terminal.out(terminal.style('dim', head ?? ''));
  for (const row of body) terminal.out(row);
}

/** With what became of it, or what it waits for. */
function pullRequestOf({ pullRequest }: TaskSummary): string | undefined {
  if (!pullRequest) return undefined;
  const { url, state = 'open', checksOf } = pullRequest;
  const told = state === 'open' ? (checksOf === undefined ? null : 'its checks are waited for') : state;
  return told === null ? url : `${url} (${told})`;
}

/** Where there is no pull request the work is found on its branch. */
function branchOf({ planState, pushed, branch }: TaskSummary): string | undefined {
  return planState === 'done' && pushed ? `branch ${branch} (pushed; no pull request)` : undefined;
}
