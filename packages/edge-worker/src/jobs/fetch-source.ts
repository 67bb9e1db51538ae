import type { Fetched, Mirror } from 'cyrus-checkouts/mirror';
import type { GitProgress } from 'cyrus-checkouts/progress';
import type { Instant } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import type { HostJob } from 'cyrus-store/queries/job-row';
import type { JobContext } from '../supervisor/job-runner.ts';
import type { DiskRoom, Shortage } from './disk-room.ts';

/** Records what a job waits for; `tell`: people hear of it too, once for each key. */
export type SayWaiting = (
  job: HostJob,
  context: JobContext,
  waiting: { readonly key: string; readonly reason: string; readonly tell: boolean },
) => Promise<void>;

export interface SourceOptions {
  readonly room: DiskRoom;
  /** Gives back space that nothing needs at once; whether there was any. */
  readonly shrink: () => Promise<boolean>;
  readonly say: SayWaiting;
  /** When a person last said something about the plan. */
  readonly lastSaid: (planId: string) => Promise<Instant | undefined>;
}

/** Older than this, what the remote said is asked for again. */
const freshForMs = 60_000;
const tellAfterMs = 5_000;
const recordEveryMs = 30_000;
const lookEveryMs = 2_000;

/**
 * Brings the mirror up to the remote. Jobs that come together share one fetch: one that began after a person last spoke, and a minute
 * ago at most, is good enough; `anew`: only one that begins now, for what we pushed ourselves since. A long one is told of, and it ends
 * before the disk is full.
 */
export async function fetchSource(
  options: SourceOptions,
  job: HostJob,
  context: JobContext,
  mirror: Mirror,
  { anew = false }: { readonly anew?: boolean } = {},
): Promise<Fetched> {
  const { clock } = context;
  const began = clock.now();
  const said = anew || job.planId === null ? began : await options.lastSaid(job.planId);
  const full = new AbortController();
  let shortage: Shortage | undefined;
  let [told, recordedAt, lookedAt] = [false, Number.NEGATIVE_INFINITY, clock.now()];

  const onProgress = (progress: GitProgress): void => {
    const now = clock.now();
    if (now - lookedAt > lookEveryMs) {
      lookedAt = now;
      void options.room
        .shortage()
        .then((found) => {
          shortage ??= found;
          if (found) full.abort();
        })
        .catch(() => undefined);
    }
    if (now - began < tellAfterMs || now - recordedAt < recordEveryMs) return;
    recordedAt = now;
    const reason = `${words(progress)} ${mirror.remote.url}: ${progress.percent} %${progress.received ? ` (${progress.received})` : ''}.`;
    void options.say(job, context, { key: `fetch:${job.id}`, reason, tell: !told });
    told = true;
  };

  try {
    // People's words carry Linear's clock, which may be ahead of ours.
    const since = Math.max(Math.min(said ?? began, began), began - freshForMs);
    return await mirror.fetch({ since, signal: AbortSignal.any([context.signal, full.signal]), onProgress });
  } catch (error) {
    if (shortage === undefined || context.signal.aborted) throw error;
    const message = `Fetching ${mirror.remote.url} was ended before the disk was full. ${shortage.message}`;
    throw new FailureError({ class: 'setup_failed', message, fix: `${shortage.fix} Then write here to try again.` }, error);
  }
}

function words({ phase }: GitProgress): string {
  return phase === 'Receiving objects' ? 'Fetching' : `${phase} of`;
}

const giveUpAfterMs = 24 * 3_600_000;
const askAgainMs = 15_000;

/**
 * Waits until the disk has room; what waits ready is given up first.
 * @throws FailureError `setup_failed` when there is none for a day
 */
export async function untilRoom(options: SourceOptions, job: HostJob, context: JobContext, bytes: () => Promise<number>): Promise<void> {
  const { clock, signal, log } = context;
  const deadline = clock.now() + giveUpAfterMs;
  let told = false;
  for (;;) {
    if (signal.aborted) throw new FailureError({ class: 'sandbox_lost', message: 'Stopped.' });
    const shortage = await options.room.shortage(await bytes());
    if (shortage === undefined) return;
    if (await options.shrink()) {
      options.room.forget();
      continue;
    }
    if (clock.now() > deadline)
      throw new FailureError({ class: 'setup_failed', message: shortage.message, fix: `${shortage.fix} Then write here to try again.` });
    if (!told) {
      told = true;
      log.warn({ jobId: job.id, shortage: shortage.message }, 'no new checkout until the disk has room');
      const reason = `Waiting for disk space. ${shortage.message} ${shortage.fix} Work goes on by itself then.`;
      await options.say(job, context, { key: `disk:${job.id}`, reason, tell: true });
    }
    await clock.sleep(askAgainMs, signal);
    options.room.forget();
  }
}

/** What a checkout of a commit takes on the disk, about: its files, and a little for git's own. */
export async function checkoutBytes(mirror: Mirror, sha: string): Promise<number> {
  const args = ['ls-tree', '-r', '-z', '--format=%(objectsize)', sha];
  const { stdout } = await mirror.git.run({ did: 'read the sizes of the files', gitDir: mirror.directory, args });
  const sizes = stdout.split('\0').map((text) => Number(text) || 0);
  return sizes.reduce((sum, bytes) => sum + Math.ceil(bytes / 4_096) * 4_096, sizes.length * 200);
}
