/** Runs one script in a sandbox until it is killed itself: `supervisor.ts ISOLATION SCRIPT [SANDBOX-EXEC]`. */
import { systemClock } from 'cyrus-core/clock';
import { detectIsolation } from '../src/detect.ts';
import { createSandbox } from '../src/sandbox.ts';
import { specOf } from './hosts.ts';

const [, , isolation, script = '', sandboxExecPath] = process.argv;
const detected =
  isolation === 'seatbelt' && sandboxExecPath !== undefined
    ? ({ isolation, sandboxExecPath } as const)
    : await detectIsolation(isolation === 'none' || isolation === 'container' ? { force: isolation } : {});
const run = createSandbox({ ...detected, clock: systemClock }).spawn(specOf({ runId: 'supervised', args: ['-c', script] }));
run.child.stdout?.resume();
run.child.stderr?.resume();
await run.exited;
