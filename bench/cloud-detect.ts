import { setTimeout as pause } from 'node:timers/promises';
import { createCodegenExecutor } from 'cyrus-codegen-executor/codegen-executor';
import { systemClock } from 'cyrus-core/clock';
import type { Limiter } from 'cyrus-core/ports/limiter';
import { memoryLimiter } from 'cyrus-executor-interface/limiter';
import { startCodegen } from '../stand-ins/codegen/src/server.ts';
import type { Claim } from './support/measure.ts';
import { percentile } from './support/statistics.ts';

/** Runs end all over this time. */
const spreadMs = 90_000;

/**
 * 50 runs of one Codegen organisation, followed as configured by default and within the service's limits on reading: how long after its end
 * a run is known to have ended, with everything it said.
 */
export const measure: Claim = async ({ samples, say }) => {
  const count = samples(50);
  const codegen = await startCodegen({ limitFactor: 0 });
  try {
    const counting = memoryLimiter(systemClock);
    // Ten starts a minute would be five minutes of nothing.
    const limiter: Limiter = {
      ...counting,
      take: (credential, rate, cost) => (rate.bucket === 'create' ? Promise.resolve(0) : counting.take(credential, rate, cost)),
    };
    const { url: baseUrl, token: apiToken, organisationId: orgId } = codegen;
    const executor = createCodegenExecutor({ baseUrl, apiToken, orgId, clock: systemClock, random: Math.random, limiter });
    const delays = await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const name = `end-${index}`;
        const prompt = `CODEGEN:${JSON.stringify([{ think: 'hm' }, { until: name }, { think: 'ha' }])}`;
        const conversation = { id: name, resume: false, directory: '' };
        const ref = await executor.start(
          { prompt, conversation, workingDirectory: '', readable: [], timeoutMs: 600_000 },
          { attemptId: name, number: 1 },
        );
        const known = (async () => {
          let said = '';
          for await (const event of executor.attach(ref)) if (event.type === 'message') said += event.content;
          if (!said.startsWith('hmha')) throw new Error(`run ${ref.runId} is known by "${said}" alone`);
          return performance.now();
        })();
        await pause((spreadMs * index) / count);
        codegen.go(name);
        await codegen.runs().find(({ id }) => String(id) === ref.runId)?.playing;
        const ended = performance.now();
        return (await known) - ended;
      }),
    );
    const calls = codegen.calls();
    const per = (name: string): number => calls.filter(({ operation }) => operation === name).length;
    say(`${per('runs.list')} looks at the list, ${per('runs.get')} at single runs, ${per('runs.logs')} readings of logs`);
    const row = { name: 'cloud-detect', unit: 'ms', floor: null, samples: count } as const;
    return [{ ...row, value: percentile(delays, 1), target: { of: 'value', atMost: 20_000 } }];
  } finally {
    await codegen.stop();
  }
};
