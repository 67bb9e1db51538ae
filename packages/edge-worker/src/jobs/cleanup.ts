import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { EventDraft } from 'cyrus-core/domain/effects';
import { FailureError } from 'cyrus-core/failure';
import type { JobContext, JobRunner } from '../supervisor/job-runner.ts';
import type { Repositories } from './repositories.ts';
import { type Teardown, type TeardownOptions, tearDown } from './teardown.ts';
import { readWorkplace } from './workplace.ts';

/**
 * The payload of a `cleanup` job. Its result: `{savedSha?, teardowns?}`: the commit that holds what was not collected before, and how the
 * repository's teardown went.
 */
export interface CleanupJob {
  readonly repositoryId: string;
  readonly taskId: string;
  /** The task's attempts, in their order. */
  readonly attemptIds: readonly string[];
  readonly directory?: string;
}

export interface CleanupRunnerOptions extends TeardownOptions {
  readonly checkouts: Checkouts;
  readonly repositories: Repositories;
  /** Keeps for people what happened. */
  readonly event: (event: EventDraft) => Promise<void>;
}

/** Deletes a task's checkouts, after their teardown, and after what is in them is saved under the last attempt's name. Gone already is no error. */
export function createCleanupRunner(options: CleanupRunnerOptions): JobRunner {
  const { checkouts, repositories } = options;
  return async (job, context) => {
    const { repositoryId, taskId, attemptIds, directory } = job.payload as unknown as CleanupJob;
    const names = new Set([taskId, ...attemptIds.map((attempt) => `${taskId}-${attempt}`)]);
    const all = await checkouts.list();
    const mine = all.filter((checkout) => names.has(checkout.name) || checkout.directory === directory);
    // Left by checks that were stopped, for their teardown.
    for (const checkout of all.filter(({ purpose }) => purpose === 'verify'))
      if ((await readWorkplace(checkout))?.taskId === taskId) mine.push(checkout);
    if (mine.length === 0) return { result: {} };
    const works = mine.filter(({ purpose }) => purpose === 'work').length;
    const mirror = await repositories.open(repositoryId);
    let savedSha: string | undefined;
    const teardowns: Teardown[] = [];
    for (const checkout of mine) {
      const torn = await tearDown(options, { repositoryId, mirror, checkout, runId: job.id }, context);
      if (torn) {
        teardowns.push(torn);
        const place = { ...(job.planId ? { planId: job.planId } : {}), taskId };
        await options
          .event({ type: torn.ok ? 'teardown.done' : 'teardown.failed', ...place, payload: { ...torn } })
          .catch((error) => context.log.warn({ error: String(error) }, 'the event of a teardown could not be stored'));
      }
      if (checkout.purpose === 'verify') {
        await checkouts.remove({ mirror, checkout });
        continue;
      }
      const beside = [...attemptIds].reverse().find((attempt) => checkout.name === `${taskId}-${attempt}`);
      const attempt = beside ?? (works === 1 ? attemptIds.at(-1) : undefined) ?? `${checkout.name}-removed`;
      const collected = await insistently(context, () => checkouts.collect({ mirror, checkout, attempt }));
      await checkouts.remove({ mirror, checkout, collected });
      if (collected.changed) savedSha = collected.sha;
    }
    return { result: { ...(savedSha === undefined ? {} : { savedSha }), ...(teardowns.length === 0 ? {} : { teardowns }) } };
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
