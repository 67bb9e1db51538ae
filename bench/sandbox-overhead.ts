import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClaudeExecutor } from 'cyrus-claude-runner/claude-executor';
import { systemClock } from 'cyrus-core/clock';
import { configSchema } from 'cyrus-core/config/schema';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { createNetworks } from 'cyrus-edge-worker/network/networks';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { createLedger } from 'cyrus-store/ledger';
import { testDatabase } from 'cyrus-store/testing/database';
import { until } from '../e2e/support/until.ts';
import { insertAttempt, insertTask, rulesOf } from '../packages/store/test/ledger-rows.ts';
import { startModel } from '../stand-ins/model/src/server.ts';
import type { Claim } from './support/measure.ts';
import { median } from './support/statistics.ts';

/**
 * From the start of a run to its first request at the model: the real agent in the sandbox, in a closed network that is made for it, behind the
 * gateway; the floor is the same agent on the host itself, straight to the model. The two take turns.
 */
export const measure: Claim = async ({ samples, say }) => {
  const count = samples(9);
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-bench-'));
  const model = await startModel();
  const database = await testDatabase();
  const config = configSchema.parse({ claude: { apiUrl: model.url, apiKey: 'bench' } });
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const sandbox = createSandbox({ ...(await detectIsolation()), clock: systemClock });
  const networks = createNetworks({
    ...{ home: directory, sandbox, config: () => config, db: database.db, clock: systemClock, log },
    ledger: createLedger(database.db, rulesOf({ day: 10_000 })),
  });
  await insertTask(database.db, '1');
  const attemptId = await insertAttempt(database.db, '1', { cost: 1_000 });

  async function firstRequest(where: Sandbox, isClosed: boolean): Promise<number> {
    const word = randomUUID();
    const home = join(directory, word);
    const workingDirectory = join(home, 'work');
    await mkdir(workingDirectory, { recursive: true });
    const executor = createClaudeExecutor({
      sandbox: where,
      clock: systemClock,
      apiUrl: model.url,
      apiKey: 'bench',
      defaultModel: 'claude-sonnet-4-5',
    });
    const user = {
      runId: `bench-${word}`,
      repositoryId: undefined,
      phase: 'agent',
      sessionId: null,
      planId: null,
      taskId: null,
      attemptId,
    } as const;
    const door = isClosed ? networks.door(user) : undefined;
    const started = performance.timeOrigin + performance.now();
    const ref = await executor.start(
      {
        prompt: `${word} SCRIPT:[{"text":"Nothing to do."}]`,
        conversation: { id: word, resume: false, directory: home },
        ...{ workingDirectory, readable: [], timeoutMs: 60_000 },
        ...(door ? { network: door } : {}),
      },
      { attemptId: word, number: 1 },
    );
    for await (const event of executor.attach(ref)) if (event.type === 'complete') break;
    const request = await until('its request', async () => model.requests().find((one) => one.userTexts[0]?.includes(word)));
    await door?.close();
    return request.at - started;
  }

  try {
    const host = createSandbox({ isolation: 'none', clock: systemClock });
    await firstRequest(sandbox, true);
    await firstRequest(host, false);
    const inside: number[] = [];
    const outside: number[] = [];
    for (let n = 0; n < count; n++) {
      inside.push(await firstRequest(sandbox, true));
      outside.push(await firstRequest(host, false));
    }
    const shown = (values: readonly number[]): string => values.map((value) => value.toFixed(0)).join(' ');
    say(`in the sandbox ${shown(inside)}; on the host ${shown(outside)}`);
    return [
      {
        name: 'sandbox-overhead',
        value: median(inside),
        unit: 'ms',
        floor: median(outside),
        target: { of: 'ratio', atMost: 1.15 },
        samples: count,
      },
    ];
  } finally {
    await networks.close();
    await database.stop();
    await model.close();
    await rm(directory, { recursive: true, force: true });
  }
};
