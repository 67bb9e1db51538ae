import { join, resolve } from 'node:path';
import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { type JobKind, noEffects } from 'cyrus-core/domain/effects';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import type { TaskExecutor } from 'cyrus-executor-interface/executor';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { attemptsOfTask } from 'cyrus-store/queries/attempts-of-task';
import { applyEffects } from 'cyrus-store/queries/effects-apply';
import { findTaskBase } from 'cyrus-store/queries/job-base-sha';
import { findPlanRepository } from 'cyrus-store/queries/job-repository';
import { planLastSaid } from 'cyrus-store/queries/plan-last-said';
import { createAttachments } from '../attachments/attachments.ts';
import { agentFiles } from '../attachments/for-agent.ts';
import { withAttachments, withoutAttachments } from '../attachments/runners.ts';
import type { LinearClients } from '../broker/linear-clients.ts';
import { waitingFiles } from '../broker/waiting-files.ts';
import type { PoolFiller } from '../checkout-pool/filler.ts';
import type { Collector } from '../gc/collector.ts';
import type { GithubCredentials } from '../github-credentials.ts';
import type { McpServers } from '../mcp/servers.ts';
import { createBudgetRules } from '../money/budget-rules.ts';
import type { Networks } from '../network/networks.ts';
import { lookInTime } from '../reconciler/look-pull-requests.ts';
import { secretsOf } from '../secrets.ts';
import type { JobRunner } from '../supervisor/job-runner.ts';
import { createRedact, type Redact } from '../supervisor/redact.ts';
import { type AgentJob, createAgentRunner } from './agent.ts';
import { createAnalyst } from './ask-analysis.ts';
import { createCleanupRunner } from './cleanup.ts';
import { createCollectRunner } from './collect.ts';
import type { DiskRoom } from './disk-room.ts';
import { portsInUse } from './equip.ts';
import { createGcRunner } from './gc.ts';
import { createIssueRunner } from './issue.ts';
import { linearTools } from './linear-tools.ts';
import { createMergeRunner } from './merge.ts';
import { createPorts } from './ports.ts';
import { createPrepareRunner } from './prepare.ts';
import { createPullRequestHead } from './pull-request-head.ts';
import { createRepositories } from './repositories.ts';
import { sayWaiting } from './say-waiting.ts';
import { createSetupRunner } from './setup.ts';
import { toolEnvironment } from './tool-environment.ts';
import { createVerifyRunner } from './verify.ts';
import { readWorkplace, workplaceVariables } from './workplace.ts';

export interface JobRunnersOptions {
  readonly config: () => Config;
  readonly home: string;
  readonly sandbox: Sandbox;
  readonly networks: Networks;
  readonly checkouts: Checkouts;
  readonly executors: ReadonlyMap<string, TaskExecutor>;
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly linear: Pick<LinearClients, 'find'>;
  readonly github: Pick<GithubCredentials, 'source' | 'secrets'>;
  readonly mcp: McpServers;
  readonly random: () => number;
  readonly room: DiskRoom;
  readonly filler: () => PoolFiller | undefined;
  readonly collector: () => Pick<Collector, 'run'> | undefined;
  /** What every `CYRUS_RUN` of this host starts with. */
  readonly runPrefix: string;
}

/** Masks the secrets of the configuration as it is now; it may be loaded anew while agents run. */
function redactOfCurrent(passing: () => readonly string[]): (config: Config) => Redact {
  let known: { readonly config: Config; readonly redact: Redact } | undefined;
  return (config) => {
    if (known?.config !== config) known = { config, redact: createRedact(secretsOf(config), passing) };
    return known.redact;
  };
}

/** What does each kind of host job on this machine. */
export function createJobRunners(options: JobRunnersOptions): Readonly<Record<JobKind, JobRunner>> {
  const { config, sandbox, checkouts, db, runPrefix, networks } = options;
  const repositories = createRepositories(checkouts, config, options.github);
  const tools = () => toolEnvironment(config().sandbox.readable ?? []);
  const environment = (repositoryId: string): Readonly<Record<string, string>> =>
    repositories.config(repositoryId)?.environmentVariables ?? {};
  const currentRedact = redactOfCurrent(() => [...options.github.secrets(), ...options.mcp.secrets()]);
  const ports = createPorts(options.home, () => portsInUse(checkouts));
  const teardownTimeoutMs = (): number => config().limits.teardownTimeoutMs;
  const shared = { checkouts, repositories, sandbox, networks, tools, environment, runPrefix, ports, teardownTimeoutMs };
  const attachments = createAttachments({
    db,
    directory: join(options.home, 'attachments'),
    linear: options.linear.find,
    clock: options.clock,
    log: options.log,
  });
  const maxFileBytes = (): number => config().limits.maxFileMb * 1024 ** 2;
  const redact: Redact = (text) => currentRedact(config())(text);
  const linearToolsOptions = {
    db,
    clock: options.clock,
    clients: options.linear,
    limits: () => config().agentTools,
    waiting: waitingFiles(join(options.home, 'uploads')),
    redact,
  };
  return {
    issue: createIssueRunner({
      random: options.random,
      linear: (workspace) => options.linear.find(workspace),
      analyst: createAnalyst({ db: options.db, config: options.config, rules: createBudgetRules(options.config) }),
      pullRequest: lookInTime({ db, clock: options.clock, log: options.log, repositories, github: options.github }),
    }),
    prepare: withAttachments(
      createPrepareRunner({
        ...shared,
        promptsDirectory: () => resolve(options.home, config().promptsDirectory ?? 'prompts'),
        room: options.room,
        shrink: async () => (await options.filler()?.shrink()) ?? false,
        used: () => options.filler()?.wake(),
        say: sayWaiting(db),
        lastSaid: (planId) => planLastSaid(db, planId),
        attempts: (taskId) => attemptsOfTask(db, taskId),
        maxFileBytes,
        mcpServers: options.mcp.of,
      }),
      attachments,
    ),
    setup: createSetupRunner({ ...shared, setupTimeoutMs: () => config().limits.setupTimeoutMs }),
    agent: createAgentRunner({
      db,
      executors: options.executors,
      readable: () => tools().readable,
      redact,
      spoolDirectory: join(options.home, 'logs', 'attempts'),
      calendar: createBudgetRules(config).calendar,
      files: (job) => agentFiles(attachments, job),
      mcpServers: async (job) => options.mcp.of(job.planId === null ? undefined : await findPlanRepository(db, job.planId)),
      async network(job, attemptId) {
        const repositoryId = job.planId === null ? undefined : await findPlanRepository(db, job.planId);
        return networks.door({ ...job, attemptId, repositoryId, runId: `${runPrefix}${attemptId}.network`, phase: 'agent' });
      },
      async hostTools(user, signal) {
        const linear = await linearTools(linearToolsOptions, user, signal);
        return linear ? [linear] : [];
      },
      async environment(job) {
        const repositoryId = job.planId === null ? undefined : await findPlanRepository(db, job.planId);
        const { request } = job.payload as unknown as AgentJob;
        const place = { directory: request?.workingDirectory ?? '' };
        const variables = workplaceVariables(place, await readWorkplace(place));
        return repositoryId === undefined ? variables : { ...environment(repositoryId), ...variables };
      },
    }),
    collect: createCollectRunner({
      ...shared,
      maxFileBytes,
      executors: options.executors,
      pullRequestHead: createPullRequestHead({ repositories, github: options.github, clock: options.clock }),
    }),
    verify: createVerifyRunner({
      ...shared,
      base: (taskId) => findTaskBase(db, taskId),
      services: (repositoryId) => (repositories.config(repositoryId)?.verify ?? config().verify)?.services ?? [],
    }),
    merge: createMergeRunner({ ...shared, maxFileBytes }),
    gc: createGcRunner(options.collector),
    cleanup: withoutAttachments(
      createCleanupRunner({ ...shared, event: (event) => db.tx((tx) => applyEffects(tx, { ...noEffects(), events: [event] })) }),
      attachments,
    ),
  };
}
