import type { Queryable } from 'cyrus-store/pool';
import { findTasks, type TaskSummary } from 'cyrus-store/queries/task-list';
import { CliError } from './cli-error.ts';

/**
 * The task a person means: an issue's identifier (its newest task) or the beginning of an id.
 * @throws CliError when there is none, or several that differ
 */
export async function findTask(db: Queryable, name: string): Promise<TaskSummary> {
  const found = await findTasks(db, name);
  const [newest] = found;
  if (!newest) throw new CliError(`There is no task "${name}".`, { fix: 'See them with: cyrus tasks' });
  const issues = new Set(found.map((task) => task.identifier));
  if (issues.size > 1) throw new CliError(`"${name}" may mean ${[...issues].join(', ')}.`, { fix: 'Write more of the id, or the issue.' });
  return newest;
}
