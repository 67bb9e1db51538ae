import { randomUUID } from 'node:crypto';

export type RunStatus = 'CREATING' | 'RUNNING' | 'FINISHED' | 'ERROR' | 'CANCELLED' | 'EXPIRED';

/** One frame of a run's stream. */
export interface Frame {
  /** Absent for what is not kept: the first status, and heartbeats. */
  readonly id?: string;
  readonly event: string;
  readonly data: unknown;
}

export interface Run {
  readonly id: string;
  readonly agentId: string;
  readonly createdAt: number;
  readonly prompt: string;
  readonly frames: Frame[];
  status: RunStatus;
  endedAt: number | undefined;
  result: string | undefined;
  /** Cents, with fractions, as the service counts. */
  readonly rawCostCents: number;
  readonly chargedCents: number;
}

/** What was asked for at the creation of an agent. */
export interface AgentRequest {
  readonly prompt: { readonly text: string };
  readonly agentId?: string;
  readonly name?: string;
  readonly model?: { readonly id: string };
  readonly repos?: readonly { readonly url: string; readonly startingRef?: string }[];
  readonly autoCreatePR?: boolean;
  readonly workOnCurrentBranch?: boolean;
  readonly skipReviewerRequest?: boolean;
  readonly envVars?: Readonly<Record<string, string>>;
  readonly mcpServers?: readonly unknown[];
}

export interface Agent {
  readonly id: string;
  readonly createdAt: number;
  readonly hiddenUntil: number;
  readonly request: AgentRequest;
  readonly runs: Run[];
  status: 'ACTIVE' | 'ARCHIVED';
  branch: string | undefined;
  prUrl: string | undefined;
}

let lastFrameAt = 0;
let frameCount = 0;

/** Ids of frames look like `1713033006000-0`, as the service's do. */
export function frameId(now: number): string {
  frameCount = now === lastFrameAt ? frameCount + 1 : 0;
  lastFrameAt = now;
  return `${now}-${frameCount}`;
}

export const newRun = (agentId: string, prompt: string, now: number, charged: boolean): Run => ({
  id: `run-${randomUUID()}`,
  agentId,
  createdAt: now,
  prompt,
  frames: [],
  status: 'CREATING',
  endedAt: undefined,
  result: undefined,
  rawCostCents: 8.084276,
  chargedCents: charged ? 8.084276 : 0,
});

export const isActive = (run: Run): boolean => run.endedAt === undefined;

const time = (at: number): string => new Date(at).toISOString();

/** A run as the API shows it. `git` is the state of its agent, the same for all of its runs. */
export function runBody(agent: Agent, run: Run, statusWord: string | undefined): Readonly<Record<string, unknown>> {
  const over = statusWord === undefined && run.endedAt !== undefined;
  const repository = agent.request.repos?.[0]?.url.replace(/^https?:\/\//, '').replace(/\.git$/, '');
  return {
    id: run.id,
    agentId: run.agentId,
    status: statusWord ?? run.status,
    createdAt: time(run.createdAt),
    // Really so: it stays where it was until the run is over.
    updatedAt: time(run.endedAt ?? run.createdAt + 1000),
    ...(over ? { durationMs: (run.endedAt ?? 0) - run.createdAt } : {}),
    ...(over && run.result !== undefined ? { result: run.result } : {}),
    ...(repository === undefined
      ? {}
      : {
          git: {
            branches: [
              {
                repoUrl: repository,
                ...(agent.branch === undefined ? {} : { branch: agent.branch }),
                ...(agent.prUrl === undefined ? {} : { prUrl: agent.prUrl }),
              },
            ],
          },
        }),
  };
}

export function agentBody(agent: Agent): Readonly<Record<string, unknown>> {
  const { request, runs } = agent;
  return {
    id: agent.id,
    name: request.name ?? request.prompt.text.slice(0, 40),
    status: agent.status === 'ARCHIVED' ? 'ARCHIVED' : runs.some(isActive) ? 'ACTIVE' : 'IDLE',
    env: { type: 'cloud' },
    repos: request.repos ?? [],
    workOnCurrentBranch: request.workOnCurrentBranch ?? false,
    autoCreatePR: request.autoCreatePR ?? false,
    skipReviewerRequest: request.skipReviewerRequest ?? false,
    url: `https://cursor.com/agents/${agent.id}`,
    createdAt: time(agent.createdAt),
    updatedAt: time(runs.at(-1)?.createdAt ?? agent.createdAt),
    latestRunId: runs.at(-1)?.id,
  };
}
