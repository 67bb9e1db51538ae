import { FailureError } from 'cyrus-core/failure';
import type { Queryable } from 'cyrus-store/pool';
import { findTasks, type TaskSummary } from 'cyrus-store/queries/task-list';

/**
 * The task a person means: an issue's identifier (its newest task) or the beginning of an id.
 * @throws FailureError `invalid_request` when there is none, or several that differ
 */
export async function findTask(db: Queryable, name: string): Promise<TaskSummary> {
  const found = await findTasks(db, name);
  const [newest] = found;
  if (!newest)
    throw new FailureError({ class: 'invalid_request', message: `There is no task "${name}".`, fix: 'See them with: cyrus tasks' });
  const issues = new Set(found.map((task) => task.identifier));
  if (issues.size > 1)
    throw new FailureError({
      class: 'invalid_request',
      message: `"${name}" may mean ${[...issues].join(', ')}.`,
      fix: 'Write more of the id, or the issue.',
    });
  return newest;
}
