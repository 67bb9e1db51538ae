import { randomUUID } from 'node:crypto';
import { systemClock } from 'cyrus-core/clock';
import { collectAlone } from 'cyrus-edge-worker/gc/alone';
import type { GcItem, GcReport } from 'cyrus-edge-worker/gc/report';
import { silentLog } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { findJob, requestJob, withdrawJob } from 'cyrus-store/queries/job-request';
import { readStatus } from 'cyrus-store/queries/status-read';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { openSandbox } from '../isolation.ts';
import { withStore } from '../open-home.ts';
import { plain, table } from '../terminal.ts';

export interface GcOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const names: Readonly<Record<GcItem['kind'], string>> = {
  checkout: 'checkout',
  'waiting-checkout': 'waiting checkout',
  'saved-work': 'saved work',
  mirror: 'mirror',
  'large-files': 'large files',
  conversation: 'conversation',
  attachments: 'attachments',
  'database-binaries': 'database binaries',
};

/** `cyrus gc`: gives back the space of what is over. The running service does it; without one, this process. */
export async function gc({ home, config, terminal }: CommandContext, options: GcOptions): Promise<void> {
  const settings = config();
  const dryRun = options.dryRun === true;
  const report = await withStore(home, settings, async ({ db }) => {
    const { running } = await readStatus(db);
    if (running) return askService(db, dryRun);
    const { sandbox } = await openSandbox(settings);
    return collectAlone({ home: home.directory, config: settings, db, sandbox, clock: systemClock, log: silentLog, dryRun });
  });
  if (options.json) return terminal.out(JSON.stringify(report));
  if (report.items.length === 0) terminal.out('There is nothing to give back.');
  else {
    const rows = report.items.map(({ kind, what, bytes, why }) => [names[kind], size(bytes), plain(what), why]);
    for (const line of table([['', 'SIZE', 'WHAT', 'WHY'], ...rows])) terminal.out(line);
    terminal.out(`${dryRun ? 'Would give back' : 'Gave back'} ${size(report.freedBytes)}.`);
  }
  for (const { what, why } of report.kept) terminal.err(`kept ${plain(what)}: ${plain(why)}`);
}

const takenWithinMs = 30_000;

async function askService(db: Database, dryRun: boolean): Promise<GcReport> {
  const id = randomUUID();
  await requestJob(db, { id, kind: 'gc', payload: { dryRun } });
  const asked = systemClock.now();
  for (;;) {
    const job = await findJob(db, id);
    if (job?.state === 'done') return job.result as unknown as GcReport;
    if (job === undefined || (job.state !== 'queued' && job.state !== 'running')) {
      const message = job?.failure?.message ?? 'The service was ended meanwhile.';
      throw new CliError(message, { fix: job?.failure?.fix ?? 'Run cyrus gc again.' });
    }
    if (job.state === 'queued' && systemClock.now() - asked > takenWithinMs && (await withdrawJob(db, id)))
      throw new CliError('The service does not take it.', { fix: 'See how it is with: cyrus status' });
    await systemClock.sleep(100);
  }
}

function size(bytes: number): string {
  if (bytes === 0) return '–';
  const units = ['kB', 'MB', 'GB'];
  let [value, unit] = [bytes / 1024, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
