import { systemClock } from 'cyrus-core/clock';
import { createExecutors } from 'cyrus-edge-worker/executors';
import type { executorsOut } from 'cyrus-store/queries/executor-condition';
import { timeOfDay } from '../../format.ts';
import { type UnattendedRun, unattendedRuns } from '../../unattended-runs.ts';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

const unknownExecutor = (wanted: string, known: readonly string[]): Finding =>
  error('executor', `"${wanted}" is not configured`, {
    why: 'No task can be started.',
    fix: `Set "executor" to one of: ${known.join(', ')}; or describe it under "executors".`,
  });

/** One that Cyrus itself has taken out, because of what its runs ended with. */
export function leftOut({ executorId, state, reason, until, fix }: Awaited<ReturnType<typeof executorsOut>>[number]): Finding {
  const when = until === null ? 'until that is mended' : `until ${timeOfDay(until)}`;
  return warning(`executor ${executorId}`, `it is ${state} ${when}: ${reason}`, {
    why: 'It gets no new task; others get them, or they wait.',
    fix: fix ?? 'Nothing: it is tried again then.',
  });
}

const unattendedRun = ({ executorId, detail, fix }: UnattendedRun): Finding =>
  warning(`run on ${executorId}`, detail, { why: 'What it does is not used, and may cost money.', fix });

export const executorsCheck: Check<ConfiguredPatient> = {
  name: 'executors',
  async run({ config, sandbox, database }) {
    const executors = createExecutors(config, await sandbox(), systemClock, 'doctor-');
    if (!executors.has(config.executor)) return [unknownExecutor(config.executor, [...executors.keys()])];
    const looked = [...executors].map(async ([id, executor]): Promise<readonly Finding[]> => {
      const { state, detail, failure } = await executor.health();
      const name = `executor ${id}`;
      if (state === 'ready') return [ok(name, detail)];
      const advice = { why: 'It gets no task.', fix: failure?.fix ?? 'Look at its settings in config.json.' };
      if (id === config.executor) return [error(name, detail, advice)];
      // Claude is always there; who works with another executor need not have it.
      return id === 'claude' ? [] : [warning(name, detail, advice)];
    });
    const facts = await database();
    const out = facts.state === 'open' ? facts.executorsOut.filter(({ executorId }) => executors.has(executorId)) : [];
    const runs = facts.state === 'open' ? unattendedRuns(facts.openRuns, new Set(executors.keys())) : [];
    return [...(await Promise.all(looked)).flat(), ...out.map(leftOut), ...runs.map(unattendedRun)];
  },
};
