import { systemClock } from 'cyrus-core/clock';
import { createExecutors } from 'cyrus-edge-worker/executors';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

const unknownExecutor = (wanted: string, known: readonly string[]): Finding =>
  error('executor', `"${wanted}" is not configured`, {
    why: 'No task can be started.',
    fix: `Set "executor" to one of: ${known.join(', ')}; or describe it under "executors".`,
  });

export const executorsCheck: Check<ConfiguredPatient> = {
  name: 'executors',
  async run({ config, sandbox }) {
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
    return (await Promise.all(looked)).flat();
  },
};
