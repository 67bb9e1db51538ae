import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { HostJob } from 'cyrus-store/queries/job-row';
import type { JobContext, JobRunner } from '../supervisor/job-runner.ts';
import type { AgentJob } from './agent.ts';
import type { Repositories } from './repositories.ts';

export interface SaveOptions {
  readonly checkouts: Checkouts;
  readonly repositories: Repositories;
  /** How often; 0: never. */
  readonly everyMs: () => number;
}

/**
 * Saves what an agent has done so far to `refs/cyrus/wip/<attempt>` while it runs, so that a lost checkout costs minutes. Committed or
 * not, all of it is saved; the agent's index and files are only read.
 */
export function savingWork<Runners extends { readonly agent: JobRunner }>(runners: Runners, options: SaveOptions): Runners {
  const agent: JobRunner = async (job, context) => {
    const over = new AbortController();
    const saving = keepSaving(job, context, options, AbortSignal.any([over.signal, context.signal]));
    try {
      return await runners.agent(job, context);
    } finally {
      over.abort();
      await saving;
    }
  };
  return { ...runners, agent };
}

async function keepSaving(job: HostJob, context: JobContext, options: SaveOptions, signal: AbortSignal): Promise<void> {
  const { request, key } = job.payload as unknown as AgentJob;
  // What is done elsewhere is saved there.
  if (!request || request.workingDirectory === '') return;
  const attempt = job.attemptId ?? key.attemptId;
  while (!signal.aborted) {
    const everyMs = options.everyMs();
    await context.clock.sleep(everyMs > 0 ? everyMs : 60_000, signal);
    if (signal.aborted || everyMs === 0) continue;
    try {
      const checkout = (await options.checkouts.list()).find(({ directory }) => directory === request.workingDirectory);
      if (checkout === undefined) continue;
      const mirror = await options.repositories.open(checkout.repositoryId);
      await options.checkouts.collect({ mirror, checkout, attempt, signal, whole: true });
    } catch (error) {
      // The next one may come through, and the end of the run collects anyway.
      if (!signal.aborted) context.log.debug({ attemptId: attempt, error: String(error) }, 'the work so far could not be saved');
    }
  }
}
