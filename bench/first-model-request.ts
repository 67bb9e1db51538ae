import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findAgentBinary } from 'cyrus-claude-runner/agent-binary';
import { agentEnv, configDirectory, temporaryDirectory } from 'cyrus-claude-runner/agent-env';
import { systemClock } from 'cyrus-core/clock';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { until } from '../e2e/support/until.ts';
import { World } from '../e2e/support/world.ts';
import { Activities, isClosing } from './support/activities.ts';
import { Deliveries } from './support/deliveries.ts';
import type { Claim } from './support/measure.ts';
import { createPoster } from './support/post.ts';
import { median } from './support/statistics.ts';

/**
 * Webhook → first model request, with the real agent in the sandbox. The floor is the agent's own binary in the same
 * sandbox, from its spawn to its first request; the two take turns.
 */
export const measure: Claim = async ({ samples, say }) => {
  const count = samples(9);
  const world = await World.open({ repositoryConfig: { app: { labelPrompts: { scoper: ['Feature'] } } } });
  const deliveries = await Deliveries.open(world);
  const activities = new Activities(world);
  const poster = createPoster(world.url);
  const startAgent = await agentAlone(world);
  const firstRequest = async (match: string): Promise<number> =>
    (await until(`a model request about ${match}`, async () => (await world.model.requestsAbout(match))[0])).at;

  async function throughCyrus(name: string): Promise<number> {
    // A scoper answers in words: one model call, no checks, nothing left to do when the next sample begins.
    await world.model.script(name, [{ text: 'The document that was asked for.' }]);
    const delivery = await deliveries.assign({ title: name, labels: ['Feature'] });
    const { sentAt } = await poster.send('/webhooks/linear', delivery);
    const ms = (await firstRequest(name)) - sentAt;
    await activities.first(delivery.sessionId, isClosing);
    return ms;
  }

  async function alone(name: string): Promise<number> {
    await world.model.script(name, [{ text: 'Nothing to do.' }]);
    const agent = await startAgent(name);
    const ms = (await firstRequest(name)) - agent.startedAt;
    await agent.ended;
    return ms;
  }

  try {
    // The mirror is made, and the agent's binary read from disk, once.
    await throughCyrus('Warm up product');
    await alone('Warm up floor');
    const values: number[] = [];
    const floors: number[] = [];
    for (let n = 0; n < count; n++) {
      values.push(await throughCyrus(`Product ${n}.`));
      floors.push(await alone(`Floor ${n}.`));
    }
    say(`product ${values.map((value) => value.toFixed(0)).join(' ')}; agent alone ${floors.map((value) => value.toFixed(0)).join(' ')}`);
    return [
      {
        name: 'first-model-request',
        value: median(values),
        unit: 'ms',
        floor: median(floors),
        target: { of: 'ratio', atMost: 1.3 },
        samples: count,
      },
    ];
  } finally {
    poster.close();
    await activities.close();
    await deliveries.close();
    await world.close();
  }
};

/** Starts the agent's binary by itself, as the product would: same sandbox, same variables, a new conversation. */
async function agentAlone(world: World): Promise<(prompt: string) => Promise<{ startedAt: number; ended: Promise<unknown> }>> {
  const sandbox = createSandbox({ ...(await detectIsolation()), clock: systemClock });
  const searchPath = process.env['PATH'] ?? '';
  const binary = await findAgentBinary({ searchPath });
  if (!binary.ok) throw new Error(binary.error.message);
  return async (prompt) => {
    const home = join(world.directory, 'alone', randomUUID());
    const cwd = join(home, 'work');
    for (const directory of [configDirectory(home), temporaryDirectory(home), cwd]) await mkdir(directory, { recursive: true });
    const startedAt = performance.timeOrigin + performance.now();
    const agent = sandbox.spawn({
      runId: `bench-${randomUUID()}`,
      command: binary.value,
      args: [
        ...['-p', prompt, '--output-format', 'stream-json', '--verbose', '--include-partial-messages'],
        ...[
          '--setting-sources',
          '',
          '--strict-mcp-config',
          '--permission-mode',
          'bypassPermissions',
          '--allow-dangerously-skip-permissions',
        ],
      ],
      cwd,
      env: agentEnv({
        searchPath,
        home,
        apiUrl: world.model.url,
        apiKey: 'bench',
        gitIdentity: { name: 'Bench', email: 'bench@localhost' },
        maxRetries: 0,
      }),
      writable: [home],
      readable: [dirname(binary.value)],
      network: 'open',
    });
    agent.child.stdin?.end();
    agent.child.stdout?.resume();
    agent.child.stderr?.resume();
    return { startedAt, ended: agent.exited };
  };
}
