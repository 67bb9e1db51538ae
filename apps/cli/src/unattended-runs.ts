import type { OpenRun } from 'cyrus-store/queries/runs-open';

/** A run at a service that a person should look at. */
export interface UnattendedRun extends OpenRun {
  readonly detail: string;
  readonly fix: string;
}

const stops = {
  requested: 'it was asked to stop and has not confirmed that',
  unsupported: 'it could not be stopped',
  unknown: 'it could not be asked to stop',
} as const;

/** Of the runs that may be under way, those that nobody looks after: their attempts are over, or their executor is not configured any more. */
export function unattendedRuns(runs: readonly OpenRun[], configured: ReadonlySet<string>): readonly UnattendedRun[] {
  return runs.flatMap((run): UnattendedRun[] => {
    const { identifier, number, executorId, url, stop } = run;
    const known = configured.has(executorId);
    if (stop === 'confirmed' || (stop === null && known)) return [];
    const why = [known ? '' : `${executorId} is not in the configuration`, stop === null ? '' : stops[stop]].filter(Boolean).join(', and ');
    const detail = `attempt ${number} of ${identifier} may go on at ${executorId}: ${why}${url ? `; see ${url}` : ''}`;
    const fix = known
      ? 'Look there, and stop it if it is at work.'
      : `Put ${executorId} back and restart, and Cyrus looks after it; or stop it there.`;
    return [{ ...run, detail, fix }];
  });
}
