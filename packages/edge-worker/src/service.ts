import { createHash, randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { branchName } from 'cyrus-checkouts/branch-name';
import { createCheckouts } from 'cyrus-checkouts/checkouts';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { systemIds } from 'cyrus-core/ids';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { createEngine, type Engine } from 'cyrus-store/advance';
import { createLedger } from 'cyrus-store/ledger';
import { createLimiter } from 'cyrus-store/limiter';
import type { Log } from 'cyrus-store/log';
import { type Database, openDatabase } from 'cyrus-store/pool';
import { startPublisher } from 'cyrus-store/publisher';
import { saveConfigRevision } from 'cyrus-store/queries/config-revision';
import { liveEntities } from 'cyrus-store/queries/live-entities';
import { repositoriesUsed } from 'cyrus-store/queries/repositories-used';
import { advanceAttempt } from './advance/attempt.ts';
import { advanceDispatcher } from './advance/dispatcher.ts';
import { advancePlan } from './advance/plan.ts';
import { advanceSession } from './advance/session.ts';
import { type Brokers, startBrokers } from './broker/brokers.ts';
import { createLinearClients } from './broker/linear-clients.ts';
import { configuredWorkspaces } from './broker/linear-token.ts';
import { createPerformers } from './broker/performers.ts';
import { waitingFiles } from './broker/waiting-files.ts';
import { capacityOf } from './capacity.ts';
import { createBusy } from './checkout-pool/busy.ts';
import { createPoolFiller, type PoolFiller } from './checkout-pool/filler.ts';
import { createNoPullRequest } from './code-host.ts';
import { createExecutors, gitIdentity } from './executors.ts';
import { type Collector, startCollector } from './gc/collector.ts';
import { createGithubCredentials } from './github-credentials.ts';
import { createApi } from './http/api.ts';
import { createHttpServer, type HttpServer } from './http/server.ts';
import { createIngest, type Ingest } from './ingest/ingest.ts';
import { createDiskRoom } from './jobs/disk-room.ts';
import { createRepositories } from './jobs/repositories.ts';
import { createJobRunners } from './jobs/runners.ts';
import { savingWork } from './jobs/save-work.ts';
import { createMcpServers } from './mcp/servers.ts';
import { createBudgetRules } from './money/budget-rules.ts';
import { startMoneyWatch } from './money/watch.ts';
import { createNetworks } from './network/networks.ts';
import { executorTrouble, startProber } from './prober.ts';
import { createUnreachable } from './reachable.ts';
import { lookAtPullRequests } from './reconciler/look-pull-requests.ts';
import { type Reconciler, startReconciler } from './reconciler/reconciler.ts';
import { startRetention } from './retention/retention.ts';
import { secretsOf } from './secrets.ts';
import { createRedact } from './supervisor/redact.ts';
import { createSupervisor } from './supervisor/supervisor.ts';

export interface ServiceOptions {
  readonly home: string;
  readonly config: Config;
  readonly db: Database;
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly version: string;
  /** False: no HTTP server, for a task from a terminal. */
  readonly http: boolean;
  /** Called when another start has taken this host over; everything here has ended by then. */
  readonly onTakenOver: () => void;
}

/** The running service: everything between a webhook and a pull request. */
export interface Service {
  readonly ingest: Ingest;
  /** Where webhooks arrive; null without HTTP. */
  readonly address: { readonly host: string; readonly port: number } | null;
  readonly slots: number;
  /** Takes nothing new, gives agents `ms` to end, saves what they have, stops. */
  drain(ms: number): Promise<void>;
  /** Stops at once; everything is in the database. */
  close(): Promise<void>;
}

/**
 * Composes and starts the loops. The order matters: the host is claimed before anything moves, and the door opens last.
 * @throws HostTaken when another service holds this home; FailureError when the port is taken
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { db, clock, log, sandbox, home, random } = options;
  const config = (): Config => options.config;
  const bootId = randomUUID();
  // Another home's agents on this machine are not ours to end.
  const runPrefix = `cyrus-${createHash('sha256').update(home).digest('hex').slice(0, 12)}-`;
  const capacity = capacityOf(options.config);
  const rules = createBudgetRules(config);
  const executors = createExecutors(options.config, sandbox, clock, runPrefix, {
    random,
    limiter: createLimiter(db),
    warn: (what) => log.warn({}, what),
  });
  const checkouts = createCheckouts({ root: home, sandbox, clock, gitIdentity, fetchTimeoutMs: options.config.checkouts.fetchTimeoutMs });
  const github = createGithubCredentials({ config, clock });
  const repositories = createRepositories(checkouts, config, github);
  const room = createDiskRoom({ home, config, clock });
  let filler: PoolFiller | undefined;
  let collector: Collector | undefined;
  const linear = createLinearClients({ config, home, clock, log });
  await saveConfigRevision(db, options.config);

  const networks = createNetworks({ home, sandbox, config, ledger: createLedger(db, rules), db, clock, log });
  const mcp = createMcpServers({ home, config });
  // Read at once: its secrets are masked from the first word on, and mistakes are told before there is work.
  for (const { id } of options.config.repositories)
    await mcp.of(id).catch((error) => log.warn({ repositoryId: id, error: String(error) }, 'MCP servers cannot be used'));
  const redact = createRedact(secretsOf(options.config), () => [...github.secrets(), ...mcp.secrets()]);
  const supervisor = createSupervisor({
    db,
    clock,
    log,
    sandbox,
    runPrefix,
    host: { id: hostId, bootId, pid: process.pid, isolation: sandbox.isolation, version: options.version, ...capacity },
    runners: savingWork(
      createJobRunners({
        ...{ linear, github, mcp, config, home, sandbox, networks, checkouts, executors, db, clock, log, random, runPrefix, room },
        filler: () => filler,
        collector: () => collector,
      }),
      { checkouts, repositories, everyMs: () => config().checkouts.saveEveryMs },
    ),
    redact,
    spoolDirectory: join(home, 'logs', 'attempts'),
    calendar: rules.calendar,
    onTakenOver: options.onTakenOver,
    outlived: ({ payload }) => payload['order'] !== undefined || executors.get(String(payload['executorId']))?.kind === 'cloud',
    // A branch that is told late is waited for: no work that is done here stands behind that.
    waits: ({ kind, payload }) => kind === 'collect' && payload['remote'] !== undefined,
  });
  await supervisor.start();

  const busy = createBusy(supervisor, clock);
  collector = startCollector({ home, checkouts, repositories, config, db, clock, log, room, busy });
  filler = createPoolFiller({
    ...{ checkouts, repositories, config, clock, log, room, busy },
    recent: (days) => repositoriesUsed(db, days),
  });

  const { unreachable, lookUp } = createUnreachable(config, checkouts);
  const prober = startProber({ db, clock, log, executors });
  // What was mended while nothing ran is known before the first task is given away, and what is not to leave this machine, too.
  const asked = new AbortController();
  const lookedUp = [...executors.values()].some(({ kind }) => kind === 'cloud') ? lookUp() : undefined;
  await Promise.race([Promise.all([prober.asked, lookedUp]), clock.sleep(askedWithinMs, asked.signal)]);
  asked.abort();

  let engine: Engine | undefined;
  let brokers: Brokers | undefined;
  let http: HttpServer | undefined;
  let reconciler: Reconciler | undefined;
  const wakeEngine = (): void => engine?.bell();
  engine = createEngine({
    db,
    clock,
    log,
    random,
    liveEntities,
    // What is advanced keeps a core busy, here and in the database. One is left to webhooks and to the agents: on two cores, a
    // webhook is answered in less than half the time that it takes beside four advances.
    concurrency: Math.max(1, Math.min(4, availableParallelism() - 1)),
    advances: [
      advanceSession(config, (issue, number) => branchName({ ...issue, ...(number === 1 ? {} : { number }) })),
      advancePlan({
        config,
        executors: () => [...executors.values()],
        unreachable,
        noPullRequest: createNoPullRequest(config, checkouts),
        random,
      }),
      advanceAttempt({ config, executors, conversationsDirectory: join(home, 'conversations') }),
      advanceDispatcher({
        config,
        executors: () => [...executors.values()],
        unreachable,
      }),
    ],
  });
  const publisher = startPublisher({ db, clock, log });
  brokers = await startBrokers({
    db,
    clock,
    random,
    log,
    credentials: ['git', 'github', 'cli', 'alerts', ...configuredWorkspaces(options.config).map((workspace) => `linear:${workspace}`)],
    performer: createPerformers({
      config,
      checkouts,
      clock,
      github,
      linear: { clients: linear, db, log, waiting: waitingFiles(join(home, 'uploads')) },
      redact,
    }),
    onWake: wakeEngine,
  });
  // Connections of its own: a webhook waits for none that jobs, brokers and advances have.
  const door = openDatabase({ connection: db.connection, clock, log, applicationName: db.applicationName, maxConnections: 2 });
  const ingest = createIngest({
    db: door,
    clock,
    ids: systemIds,
    config,
    log,
    hooks: {
      wakeBroker: (credential) => brokers?.wake(credential),
      stopPlan: (planId) => {
        void supervisor.stopPlan(planId);
        // A push on its way ends now, not when its broker looks next.
        for (const credential of ['git', 'github']) brokers?.wake(credential);
      },
      wakeEngine,
      notStored: () => reconciler?.wake(),
      githubAccessChanged(account, action) {
        log.warn({ account, action }, 'the installation of the GitHub App has changed');
        github.forget();
      },
      forgetTokens: (workspace) =>
        void linear.forgetTokens(workspace).catch((error) => log.error({ workspace, error: String(error) }, 'tokens could not be dropped')),
    },
  });

  const pullRequests = (signal: AbortSignal) => lookAtPullRequests({ db, clock, log, repositories, github, signal });
  reconciler = options.http ? startReconciler({ db, clock, log, config, ingest, find: linear.find, pullRequests }) : undefined;
  const retention = startRetention({ db, clock, log, config, home });
  const money = startMoneyWatch({ db, clock, log, config, rules });

  let ended = false;
  const stopLoops = async (): Promise<void> => {
    await filler?.close();
    await collector?.close();
    await http?.close();
    await reconciler?.close();
    await prober.close();
    await retention.close();
    await money.close();
    await engine?.stop();
    await brokers?.close();
    await publisher.stop();
    await networks.close();
    await door.close();
  };
  const close = async (): Promise<void> => {
    ended = true;
    await supervisor.close();
    await stopLoops();
  };
  if (options.http) {
    try {
      http = await createHttpServer({
        ...options.config.server,
        ingest,
        db,
        api: createApi({ db, ingest, ids: systemIds, token: () => config().server.apiToken }),
        brokers: () => brokers?.state() ?? [],
        checks: { supervisor: async () => (ended ? 'it has ended' : null) },
        notes: {
          disk: async () => (await room.shortage())?.message ?? null,
          reconciler: () => reconciler?.trouble() ?? null,
          executors: () => executorTrouble(db, executors),
        },
        log,
        clock,
        version: options.version,
      });
    } catch (error) {
      await close();
      throw error;
    }
  }
  return {
    ingest,
    slots: capacity.slots,
    address: http?.address ?? null,
    close,
    async drain(ms) {
      await http?.close();
      await supervisor.drain(ms);
      // What is left of the loops would hold the process, and the host's claim, for ever.
      await supervisor.close();
      await stopLoops();
    },
  };
}

const askedWithinMs = 5_000;

/** There is one host per home: agents of a second machine come from cloud executors. */
const hostId = 'local';
