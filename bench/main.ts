import { parseArgs } from 'node:util';
import { describeMachine, readVersions } from './support/machine.ts';
import { type Claim, judge, type Row } from './support/measure.ts';
import { table } from './support/table.ts';

const usage = `Usage: npm run bench -- [NAME…] [options]
  --json         the rows as JSON
  --samples N    so many samples of everything, to try it out
  --strict       exit 1 when a target is missed
Names: `;

const claims: Readonly<Record<string, () => Promise<{ readonly measure: Claim }>>> = {
  webhook: () => import('./webhook.ts'),
  'webhook-flood': () => import('./webhook-flood.ts'),
  'first-activity': () => import('./first-activity.ts'),
  twenty: () => import('./twenty.ts'),
  'first-model-request': () => import('./first-model-request.ts'),
  'cold-start': () => import('./cold-start.ts'),
  'idle-memory': () => import('./idle-memory.ts'),
  recovery: () => import('./recovery.ts'),
  stop: () => import('./stop.ts'),
  budget: () => import('./budget.ts'),
  dispatch: () => import('./dispatch.ts'),
  checkout: () => import('./checkout.ts'),
  'linear-calls': () => import('./linear-calls.ts'),
  gateway: () => import('./gateway.ts'),
  'sandbox-overhead': () => import('./sandbox-overhead.ts'),
  'cloud-detect': () => import('./cloud-detect.ts'),
  'local-cloud': () => import('./local-cloud.ts'),
  'cache-hits': () => import('./cache-hits.ts'),
};
/** Measured when they are named: they take minutes and gigabytes. */
const named: typeof claims = {
  'large-repository': () => import('./large-repository.ts'),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    samples: { type: 'string' },
    strict: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

async function main(): Promise<number> {
  const unknown = positionals.filter((name) => !(name in claims || name in named));
  const samples = values.samples === undefined ? undefined : Number(values.samples);
  const wrong = unknown.length > 0 || (samples !== undefined && !(Number.isInteger(samples) && samples > 0));
  if (values.help || wrong) {
    for (const name of unknown) console.error(`There is no benchmark ${name}.`);
    console.error(`${usage}${Object.keys(claims).join(', ')}\nOnly when named: ${Object.keys(named).join(', ')}`);
    return wrong ? 2 : 0;
  }
  const machine = describeMachine();
  const versions = await readVersions();
  const rows: Row[] = [];
  let broken = false;
  for (const name of positionals.length > 0 ? positionals : Object.keys(claims)) {
    const started = performance.now();
    const say = (text: string): void => console.error(`${name}: ${text}`);
    try {
      const claim = await (claims[name] ?? named[name])?.();
      const measured = await claim?.measure({ samples: (usual) => samples ?? usual, say });
      rows.push(...(measured ?? []).map((measure) => judge(measure, machine, versions)));
      say(`took ${((performance.now() - started) / 1000).toFixed(1)} s`);
    } catch (error) {
      broken = true;
      say(`could not be measured: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  console.log(values.json ? JSON.stringify(rows, null, 2) : table(rows));
  return broken || (values.strict && rows.some((row) => row.pass === false)) ? 1 : 0;
}

process.exitCode = await main();
