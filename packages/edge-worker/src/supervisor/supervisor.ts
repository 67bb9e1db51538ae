import type { Calendar } from 'cyrus-core/calendar';
import type { Clock } from 'cyrus-core/clock';
import type { JobKind } from 'cyrus-core/domain/effects';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import type { Log } from 'cyrus-store/log';
import { type Database, isConnectionError } from 'cyrus-store/pool';
import { beatHost } from 'cyrus-store/queries/host-beat';
import { drainHost } from 'cyrus-store/queries/host-drain';
import type { HostRow } from 'cyrus-store/queries/host-register';
import { claimJobs } from 'cyrus-store/queries/job-claim';
import { killQueuedJobs } from 'cyrus-store/queries/job-kill-queued';
import { lockRunningJobs } from 'cyrus-store/queries/job-lock-running';
import { pollJobs } from 'cyrus-store/queries/job-poll';
import type { HostJob } from 'cyrus-store/queries/job-row';
import { createBell } from './bell.ts';
import { bootHost } from './boot.ts';
import type { HostClaim } from './host-claim.ts';
import type { AgentMessage, JobRunner } from './job-runner.ts';
import type { Redact } from './redact.ts';
import { type RunningJob, runJob } from './run-job.ts';

/** The loop that runs host jobs on this machine. */
export interface Supervisor {
  /**
   * Claims the host, ends and reports what an earlier start left, and begins to take jobs.
   * @throws HostTaken when another service holds this host
   */
  start(): Promise<void>;
  /** There may be something to do: looks now instead of at the next poll. */
  wake(): void;
  /** The plan's stop is committed: ends its running jobs at once. Resolves when they have ended. */
  stopPlan(planId: string): Promise<void>;
  /** Takes no new jobs, gives running ones `ms` to end, and then ends them; they are reported as lost, to be resumed later. */
  drain(ms: number): Promise<void>;
  /** Ends everything at once. What an unreachable database cannot be told now is found out at the next start. */
  close(): Promise<void>;
  running(): readonly { readonly jobId: string; readonly kind: JobKind; readonly planId: string | null }[];
}

export interface SupervisorOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly host: HostRow;
  readonly runners: Readonly<Partial<Record<JobKind, JobRunner>>>;
  readonly log: Log;
  readonly redact: Redact;
  readonly sandbox: Pick<Sandbox, 'killLeftovers'>;
  /** What every `CYRUS_RUN` of this host starts with, and of no other. */
  readonly runPrefix: string;
  /** Where spool files are: `$home/logs/attempts`. */
  readonly spoolDirectory: string;
  /** Of the budgets; absent: this machine's. */
  readonly calendar?: Calendar;
  /** Called when this process finds out that another start has taken the host over; everything has been ended by then. */
  readonly onTakenOver?: () => void;
  /** How many jobs of a kind run at once. Agents are limited by the dispatcher, which gives out the slots. */
  readonly limits?: Readonly<Partial<Record<JobKind, number>>>;
  /** Jobs that follow what goes on without this process: time to end is of no use to them. */
  readonly outlived?: (job: HostJob) => boolean;
  /** Jobs that mostly wait for what is elsewhere: they take no place of their kind. */
  readonly waits?: (job: HostJob) => boolean;
  readonly pollMs?: number;
  readonly heartbeatMs?: number;
}

const closeWithinMs = 5_000;

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { db, clock, host, runners, log, redact } = options;
  const pollMs = options.pollMs ?? 250;
  const limits: Record<JobKind, number> = {
    ...{ issue: 8, prepare: 4, setup: host.slots, agent: 1000, collect: 4, verify: host.slots, merge: 4, cleanup: 4, gc: 1 },
    ...options.limits,
  };
  const running = new Map<string, RunningJob>();
  const bell = createBell(clock);
  const closed = new AbortController();
  const givenUp = new AbortController();
  let draining = false;
  let ticking = false;
  let claim: HostClaim | undefined;
  let loops: Promise<unknown> = Promise.resolve();
  let starting: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  function free(): Partial<Record<JobKind, number>> {
    const left: Record<JobKind, number> = { ...limits };
    for (const { job } of running.values()) if (!options.waits?.(job)) left[job.kind]--;
    return left;
  }

  async function tick(): Promise<void> {
    const seen = await pollJobs(db, host);
    for (const id of seen.stoppedRunning) running.get(id)?.abort('stopped');
    if (seen.stoppedQueued) await db.tx((tx) => killQueuedJobs(tx));
    handOut(seen.messages);
    if (draining || closed.signal.aborted) return;
    await beginUnknown(seen.running);
    if (!seen.claimable) return;
    const room = free();
    for (const job of await db.tx((tx) => claimJobs(tx, host, room))) run(job);
  }

  function run(job: HostJob): void {
    const started = runJob(job, runners[job.kind], { db, clock, log, bootId: host.bootId, redact, givenUp: givenUp.signal });
    running.set(job.id, started);
    if (closed.signal.aborted) started.abort('shutdown');
    void started.ended.then(() => {
      running.delete(job.id);
      bell.ring();
    });
  }

  /** Begins what was claimed by a transaction whose answer was lost: it is running by its row, and nobody runs it. */
  async function beginUnknown(claimed: readonly string[]): Promise<void> {
    const unknown = claimed.filter((id) => !running.has(id));
    if (unknown.length === 0) return;
    const jobs = await db.tx(async (tx) => {
      const locked = await lockRunningJobs(tx, host.bootId, unknown);
      // One that has ended here meanwhile is not running any more; one that has not is known.
      return locked.filter(({ id }) => !running.has(id));
    });
    for (const job of jobs) {
      log.warn({ jobId: job.id, kind: job.kind }, 'a job that was claimed while the database went away begins now');
      run(job);
    }
  }

  function handOut(messages: readonly { readonly jobId: string; readonly n: number; readonly body: string }[]): void {
    const byJob = new Map<string, AgentMessage[]>();
    for (const { jobId, n, body } of messages) byJob.set(jobId, [...(byJob.get(jobId) ?? []), { n, body }]);
    for (const [jobId, all] of byJob) running.get(jobId)?.handMessages(all);
  }

  async function work(): Promise<void> {
    let away = false;
    while (!closed.signal.aborted) {
      ticking = true;
      try {
        await tick();
        if (away) log.info({}, 'the database is back');
        away = false;
      } catch (error) {
        if (!isConnectionError(error)) log.error({ error: String(error) }, 'the host supervisor could not look for jobs');
        else if (!away) log.warn({ error: String(error) }, 'the database is away; running jobs go on');
        away = true;
      }
      ticking = false;
      await bell.wait(pollMs);
    }
  }

  async function beat(): Promise<void> {
    while (!closed.signal.aborted) {
      await clock.sleep(options.heartbeatMs ?? 2_000, closed.signal);
      if (closed.signal.aborted) return;
      try {
        if ((await claim?.renew()) === 'taken' || !(await beatHost(db, host))) return void takenOver();
      } catch (error) {
        log.debug({ error: String(error) }, 'no heartbeat');
      }
    }
  }

  function takenOver(): void {
    log.error({ host: host.id }, 'another start of the service has taken this host over; everything here is ended');
    void close().then(() => options.onTakenOver?.());
  }

  async function allEnded(withinMs: number): Promise<void> {
    const enough = new AbortController();
    await Promise.race([
      clock.sleep(withinMs, enough.signal),
      (async () => {
        while (running.size > 0 || ticking) {
          if (running.size > 0) await Promise.all([...running.values()].map((job) => job.ended));
          else await clock.sleep(5, enough.signal);
          if (enough.signal.aborted) return;
        }
      })(),
    ]);
    enough.abort();
  }

  async function open(): Promise<void> {
    claim = await bootHost(options);
    const subscription = await db.listen('host', () => bell.ring());
    loops = Promise.all([work(), beat()]).finally(() => subscription.close());
  }

  function close(): Promise<void> {
    closing ??= (async () => {
      await starting?.catch(() => undefined);
      closed.abort();
      for (const job of running.values()) job.abort('shutdown');
      bell.ring();
      await allEnded(closeWithinMs);
      givenUp.abort();
      bell.ring();
      await allEnded(closeWithinMs);
      await loops;
      await claim?.release();
    })();
    return closing;
  }

  return {
    start() {
      starting ??= open();
      return starting;
    },
    wake: () => bell.ring(),
    async stopPlan(planId) {
      const mine = [...running.values()].filter(({ job }) => job.planId === planId && job.kind !== 'cleanup');
      for (const job of mine) job.abort('stopped');
      bell.ring();
      await Promise.all(mine.map((job) => job.ended));
    },
    async drain(ms) {
      draining = true;
      await drainHost(db, host).catch((error) => log.warn({ error: String(error) }, 'the database was not told of the shutdown'));
      for (const one of running.values()) if (options.outlived?.(one.job)) one.abort('shutdown');
      await allEnded(ms);
      for (const job of running.values()) job.abort('shutdown');
      await allEnded(closeWithinMs);
    },
    close,
    running: () => [...running.values()].map(({ job }) => ({ jobId: job.id, kind: job.kind, planId: job.planId })),
  };
}
