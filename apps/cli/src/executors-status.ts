import { systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { Isolation, Sandbox } from 'cyrus-core/ports/sandbox';
import { executorFacts } from 'cyrus-edge-worker/advance/executor-facts';
import { createExecutors } from 'cyrus-edge-worker/executors';
import type { ExecutorHealth, TaskExecutor } from 'cyrus-executor-interface/executor';
import type { readExecutorStatus } from 'cyrus-store/queries/executor-status';
import { timeOfDay } from './format.ts';
import { plain, type Terminal, table } from './terminal.ts';

export interface ExecutorStatus {
  readonly id: string;
  readonly kind: 'local' | 'cloud';
  readonly condition: 'ready' | 'trying' | 'resting' | 'parked';
  readonly reason: string | null;
  /** Epoch milliseconds; null: nothing to wait for, or until somebody mends it. */
  readonly until: number | null;
  readonly fix: string | null;
  readonly running: number;
  /** Null: no limit of its own. */
  readonly cap: number | null;
  /** What holds its agents in; null: they do not run here. */
  readonly isolation: Isolation | null;
  /** Only where it was asked for. */
  readonly health?: { readonly state: ExecutorHealth['state']; readonly detail: string; readonly fix: string | null };
}

const healthLimitMs = 10_000;

/** Every configured executor and how it is doing. With `check` each is asked, for at most ten seconds. */
export async function executorsStatus(
  config: Config,
  rows: Awaited<ReturnType<typeof readExecutorStatus>>,
  host: { readonly isolation: Isolation; readonly sandbox: Sandbox; readonly slots: number | null; readonly check: boolean },
): Promise<readonly ExecutorStatus[]> {
  const executors = createExecutors(config, host.sandbox, systemClock, 'status-');
  const facts = executorFacts(config, [...executors.values()], rows, systemClock.now());
  return Promise.all(
    facts.map(async ({ id, kind, condition, runs }): Promise<ExecutorStatus> => {
      const executor = executors.get(id);
      return {
        ...{ id, kind, condition: condition.state, reason: condition.reason || null, until: condition.until },
        fix: condition.failure?.fix ?? null,
        running: runs.used,
        cap: runs.cap ?? (kind === 'local' ? host.slots : null),
        isolation: kind === 'local' ? host.isolation : null,
        ...(host.check && executor ? { health: await healthOf(executor) } : {}),
      };
    }),
  );
}

async function healthOf(executor: TaskExecutor): Promise<NonNullable<ExecutorStatus['health']>> {
  const over = new AbortController();
  const late = systemClock.sleep(healthLimitMs, over.signal).then((): ExecutorHealth => {
    return { state: 'unavailable', detail: `no answer in ${healthLimitMs / 1000} s` };
  });
  late.catch(() => undefined);
  try {
    const { state, detail, failure } = await Promise.race([executor.health(), late]);
    return { state, detail, fix: failure?.fix ?? null };
  } catch (error) {
    return { state: 'unavailable', detail: (error as Error).message, fix: null };
  } finally {
    over.abort();
  }
}

/** As lines for a terminal. */
export function executorLines(executors: readonly ExecutorStatus[], terminal: Pick<Terminal, 'style'>): readonly string[] {
  const rows = executors.map(({ id, kind, condition, until, reason, running, cap, isolation }) => [
    `  ${id}`,
    kind,
    `${running} of ${cap ?? 'any'}`,
    isolation === null ? 'runs elsewhere' : isolation,
    conditionText({ condition, until, reason }),
  ]);
  const notes = executors.flatMap(({ id, condition, fix, health }) => [
    ...(condition !== 'ready' && fix ? [`  ${id}: to do: ${plain(fix)}`] : []),
    ...(health ? [`  ${id}: ${health.state === 'ready' ? plain(health.detail) : terminal.style('red', plain(health.detail))}`] : []),
    ...(health?.fix ? [`  ${id}: to do: ${plain(health.fix)}`] : []),
  ]);
  return ['Executors:', ...table(rows), ...notes];
}

function conditionText({ condition, until, reason }: Pick<ExecutorStatus, 'condition' | 'until' | 'reason'>): string {
  if (condition === 'ready') return 'ready';
  const word = { trying: 'one run may try', resting: 'resting', parked: 'parked' }[condition];
  const when = until === null ? (condition === 'parked' ? ' until it is mended' : '') : ` until ${timeOfDay(until)}`;
  return `${word}${when}${reason ? `: ${plain(reason)}` : ''}`;
}
