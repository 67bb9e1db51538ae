/** Runs one script in a sandbox until it is killed itself: `supervisor.ts ISOLATION SCRIPT`. */
import { systemClock } from 'cyrus-core/clock';
import { detectIsolation } from '../src/detect.ts';
import { createSandbox } from '../src/sandbox.ts';
import { specOf } from './hosts.ts';

const [, , isolation, script = ''] = process.argv;
const detected = await detectIsolation(isolation === 'none' ? { force: 'none' } : {});
const run = createSandbox({ ...detected, clock: systemClock }).spawn(specOf({ runId: 'supervised', args: ['-c', script] }));
run.child.stdout?.resume();
run.child.stderr?.resume();
await run.exited;
