import { FailureError } from 'cyrus-core/failure';
import type { Collector } from '../gc/collector.ts';
import type { JobRunner } from '../supervisor/job-runner.ts';

/** The payload of a `gc` job, which a person asks for. Its result is a `GcReport`. */
export interface GcJob {
  readonly dryRun?: boolean;
}

export function createGcRunner(collector: () => Pick<Collector, 'run'> | undefined): JobRunner {
  return async (job, { signal }) => {
    const { dryRun = false } = job.payload as GcJob;
    const report = await collector()?.run({ dryRun, signal });
    if (report === undefined) throw new FailureError({ class: 'setup_failed', message: 'The service is still starting.' });
    return { result: { ...report } };
  };
}
