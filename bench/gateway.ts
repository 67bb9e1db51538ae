import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { systemIds } from 'cyrus-core/ids';
import type { SandboxNetwork } from 'cyrus-core/ports/sandbox';
import { loadPrices, priceList } from 'cyrus-core/prices';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createGateway } from 'cyrus-sandbox/gateway/gateway';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { createLedger } from 'cyrus-store/ledger';
import { testDatabase } from 'cyrus-store/testing/database';
import { insertAttempt, insertTask, rulesOf } from '../packages/store/test/ledger-rows.ts';
import { startModel } from '../stand-ins/model/src/server.ts';
import type { Claim } from './support/measure.ts';
import { median } from './support/statistics.ts';

/** Makes calls one after the other, as an agent does, and prints how long each took to its end. */
const caller = `const http = require('node:http');
const [, url, key, count] = process.argv;
const agent = new http.Agent({ keepAlive: true });
const body = JSON.stringify({
  model: 'claude-sonnet-4-5', max_tokens: 32000, stream: true,
  system: 'A rule of this repository that is kept like all others. '.repeat(1000),
  messages: [{ role: 'user', content: 'SCRIPT:[{"text":"' + 'An answer of ordinary length. '.repeat(20) + '"}]' }],
});
const call = () => new Promise((done, fail) => {
  const started = performance.now();
  const headers = { 'x-api-key': key, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  http.request(url + '/v1/messages', { method: 'POST', agent, headers }, (answer) => {
    if (answer.statusCode !== 200) fail(new Error('status ' + answer.statusCode));
    answer.resume().once('end', () => done(performance.now() - started));
  }).once('error', fail).end(body);
});
(async () => {
  const times = [];
  for (let n = 0; n < Number(count) + 5; n++) {
    times.push(await call());
    // What an agent does between two calls.
    await new Promise((done) => setTimeout(done, 50));
  }
  console.log(JSON.stringify(times.slice(5)));
  process.exit(0);
})();`;

/**
 * What a call of the model takes longer through the gateway: from inside the closed network, over the bridge, with the real ledger before and
 * after. The same calls go straight to the model in turn.
 */
export const measure: Claim = async ({ samples, say }) => {
  const calls = samples(100);
  const rounds = 3;
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-bench-'));
  const sandbox = createSandbox({ ...(await detectIsolation()), clock: systemClock });
  const model = await startModel();
  const database = await testDatabase();
  const gateway = createGateway({
    apiUrl: model.url,
    apiKey: 'bench',
    ledger: createLedger(database.db, rulesOf({ day: 10_000 })),
    prices: { price: await loadPrices(), name: priceList },
    clock: systemClock,
    ids: systemIds,
  });
  const socket = join(directory, 'model');
  try {
    await insertTask(database.db, '1');
    const door = await gateway.open({ attemptId: await insertAttempt(database.db, '1', { cost: 1_000 }), socket });
    const network = await sandbox.openNetwork?.({ runId: 'bench-gateway', doors: [{ socket }] });
    if (!network) throw new Error('the network cannot be closed here');
    await network.ready;
    const run = async (url: string, key: string, where: SandboxNetwork): Promise<readonly number[]> => {
      const readable = [dirname(dirname(process.execPath))];
      const args = ['-e', caller, url, key, String(calls)];
      const { child, exited } = sandbox.spawn({
        ...{ runId: 'bench-gateway', command: process.execPath, args, cwd: '/', env: {}, writable: [], readable, network: where },
      });
      let text = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      child.stderr?.on('data', (chunk: Buffer) => say(chunk.toString().trim()));
      child.stdin?.end();
      await exited;
      return JSON.parse(text) as number[];
    };
    const through: number[] = [];
    const straight: number[] = [];
    for (let round = 0; round < rounds; round++) {
      through.push(...(await run(`http://127.0.0.1:${network.ports[0]}`, door.key, network)));
      straight.push(...(await run(model.url, 'bench', 'open')));
    }
    await network.close();
    await door.close();
    const [longer, shorter] = [median(through), median(straight)];
    say(`through the gateway ${longer.toFixed(2)} ms, straight ${shorter.toFixed(2)} ms`);
    return [
      {
        name: 'gateway',
        value: longer - shorter,
        unit: 'ms',
        floor: null,
        target: { of: 'value', atMost: 5 },
        samples: through.length,
      },
    ];
  } finally {
    gateway.close();
    await database.stop();
    await model.close();
    await rm(directory, { recursive: true, force: true });
  }
};
