import type { Checkouts } from 'cyrus-checkouts/checkouts';
import { FailureError } from 'cyrus-core/failure';
import type { JobContext, JobRunner } from '../supervisor/job-runner.ts';
import type { Repositories } from './repositories.ts';

/** The payload of a `cleanup` job. Its result: `{savedSha?}`, the commit that holds what was not collected before. */
export interface CleanupJob {
  readonly repositoryId: string;
  readonly taskId: string;
  /** The task's attempts, in their order. */
  readonly attemptIds: readonly string[];
  readonly directory?: string;
}

/** Deletes a task's checkouts, after what is in them is saved under the last attempt's name. Gone already is no error. */
export function createCleanupRunner(options: { readonly checkouts: Checkouts; readonly repositories: Repositories }): JobRunner {
  const { checkouts, repositories } = options;
  return async (job, context) => {
    const { repositoryId, taskId, attemptIds, directory } = job.payload as unknown as CleanupJob;
    const names = new Set([taskId, ...attemptIds.map((attempt) => `${taskId}-${attempt}`)]);
    const mine = (await checkouts.list()).filter((checkout) => names.has(checkout.name) || checkout.directory === directory);
    if (mine.length === 0) return { result: {} };
    const mirror = await repositories.open(repositoryId);
    let savedSha: string | undefined;
    for (const checkout of mine) {
      const beside = [...attemptIds].reverse().find((attempt) => checkout.name === `${taskId}-${attempt}`);
      const attempt = beside ?? (mine.length === 1 ? attemptIds.at(-1) : undefined) ?? `${checkout.name}-removed`;
      const collected = await insistently(context, () => checkouts.collect({ mirror, checkout, attempt }));
      await checkouts.remove({ mirror, checkout, collected });
      if (collected.changed) savedSha = collected.sha;
    }
    return { result: savedSha === undefined ? {} : { savedSha } };
  };
}

const againAfterMs = [250, 2_000, 10_000];

/** Nobody asks for a cleanup a second time, and a checkout whose work cannot be saved stays: one broken reading is not the last word. */
async function insistently<T>({ clock, signal }: JobContext, work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const waitMs = againAfterMs[tries];
      if (!(error instanceof FailureError) || waitMs === undefined || signal.aborted) throw error;
      await clock.sleep(waitMs, signal);
    }
  }
}
