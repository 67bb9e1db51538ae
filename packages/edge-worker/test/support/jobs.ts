import { mkdir } from 'node:fs/promises';
import { type Checkouts, createCheckouts } from 'cyrus-checkouts/checkouts';
import { systemClock } from 'cyrus-core/clock';
import { type Config, configSchema } from 'cyrus-core/config/schema';
import type { JobKind } from 'cyrus-core/domain/effects';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import type { TaskExecutor } from 'cyrus-executor-interface/executor';
import { createLedger } from 'cyrus-store/ledger';
import type { Database } from 'cyrus-store/pool';
import { createLinearClients } from '../../src/broker/linear-clients.ts';
import type { PoolFiller } from '../../src/checkout-pool/filler.ts';
import { createGithubCredentials } from '../../src/github-credentials.ts';
import { createDiskRoom } from '../../src/jobs/disk-room.ts';
import { createJobRunners } from '../../src/jobs/runners.ts';
import { createMcpServers } from '../../src/mcp/servers.ts';
import { createBudgetRules } from '../../src/money/budget-rules.ts';
import { createNetworks } from '../../src/network/networks.ts';
import type { AbortReason, JobOutcome, JobRunner } from '../../src/supervisor/job-runner.ts';
import { memoryLog, unique } from './supervisor.ts';

export interface JobsOptions {
  readonly home: string;
  readonly db: Database;
  readonly sandbox: Sandbox;
  readonly config: unknown;
  readonly executors?: ReadonlyMap<string, TaskExecutor>;
  readonly runPrefix?: string;
  readonly filler?: PoolFiller;
}

export interface Jobs {
  readonly runners: Readonly<Record<JobKind, JobRunner>>;
  readonly checkouts: Checkouts;
  readonly runPrefix: string;
  readonly log: ReturnType<typeof memoryLog>;
  /** Runs one job outside of a supervisor. */
  run(kind: JobKind, payload: object, signal?: AbortSignal): Promise<JobOutcome>;
  /** The same, for one that has to succeed. */
  result<T>(kind: JobKind, payload: object): Promise<T>;
}

export async function jobsFor(options: JobsOptions): Promise<Jobs> {
  const { home, sandbox } = options;
  const config: Config = configSchema.parse(options.config);
  const runPrefix = options.runPrefix ?? `test-${unique()}-`;
  const log = memoryLog();
  await mkdir(home, { recursive: true });
  const checkouts = createCheckouts({ root: home, sandbox, clock: systemClock, gitIdentity: { name: 'Cyrus', email: 'cyrus@localhost' } });
  const runners = createJobRunners({
    github: createGithubCredentials({ config: () => config, clock: systemClock }),
    config: () => config,
    linear: createLinearClients({ config: () => config, home, clock: systemClock, log: log.log }),
    mcp: createMcpServers({ home, config: () => config }),
    home,
    sandbox,
    networks: createNetworks({
      ...{ home, sandbox, config: () => config, db: options.db, clock: systemClock, log: log.log },
      ledger: createLedger(
        options.db,
        createBudgetRules(() => config),
      ),
    }),
    checkouts,
    executors: options.executors ?? new Map(),
    db: options.db,
    clock: systemClock,
    log: log.log,
    random: () => 0.5,
    runPrefix,
    room: createDiskRoom({ home, config: () => config, clock: systemClock }),
    filler: () => options.filler,
    collector: () => undefined,
  });
  const run = (kind: JobKind, payload: object, signal: AbortSignal = new AbortController().signal): Promise<JobOutcome> => {
    const fields = payload as { planId?: string; taskId?: string; attemptId?: string };
    return runners[kind](
      {
        id: `job-${unique()}`,
        kind,
        notify: 'attempt:x',
        sessionId: null,
        planId: fields.planId ?? null,
        taskId: fields.taskId ?? null,
        attemptId: fields.attemptId ?? null,
        payload: payload as Record<string, unknown>,
      },
      {
        signal,
        clock: systemClock,
        log: log.log,
        givenUp: new AbortController().signal,
        bootId: 'boot',
        tell: async () => undefined,
        onMessages: () => undefined,
      },
    );
  };
  return {
    runners,
    checkouts,
    runPrefix,
    log,
    run,
    async result<T>(kind: JobKind, payload: object) {
      const outcome = await run(kind, payload);
      if ('failure' in outcome) throw new Error(`${kind} failed: ${JSON.stringify(outcome)}`);
      return outcome.result as T;
    },
  };
}

/** A signal that aborts as a stop does. */
export function abortable(): { readonly signal: AbortSignal; abort(reason?: AbortReason): void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason: AbortReason = 'stopped') => controller.abort(reason) };
}
