import type { CheckoutInfo } from 'cyrus-core/domain/plan';
import type { JobRunner } from '../supervisor/job-runner.ts';
import type { Attachments } from './attachments.ts';

/** A `prepare` job that meanwhile also brings the uploads that the plan's texts refer to. They are no reason for it to fail. */
export function withAttachments(prepare: JobRunner, attachments: Attachments): JobRunner {
  return async (job, context) => {
    const { planId, taskId } = job;
    if (planId === null || taskId === null) return prepare(job, context);
    const bringing = attachments.forPlan(planId, taskId, context.signal);
    const outcome = await prepare(job, context);
    const attached = await bringing;
    if ('failure' in outcome) return outcome;
    const info: Partial<CheckoutInfo> = attached ? { attached } : {};
    return { result: { ...outcome.result, ...info } };
  };
}

/** A `cleanup` job that also deletes what was brought. */
export function withoutAttachments(cleanup: JobRunner, attachments: Attachments): JobRunner {
  return async (job, context) => {
    if (job.taskId !== null) await attachments.remove(job.taskId);
    return cleanup(job, context);
  };
}
